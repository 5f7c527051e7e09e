"""What is handed out when, listing by listing; seconds are given by hand."""

import random
import threading
import time
from pathlib import Path

from repscore.transforms.discover.sources import Source
from repscore.transforms.records import Known, Name, Video, video_id_of
from repscore.transforms.watch.arrivals import Arrivals
from repscore.transforms.watch.chunks import ChunkArrivals, Numbers
from repscore.transforms.watch.watched_inputs import WatchConfig, WatchedInputs

CONTENT = {"a1": "A", "a2": "A2", "b1": "A", "c1": "C"}


def source(uri: str, stamp: str, fingerprint: str | None = None) -> Source:
    return Source(uri, 1 << 24, stamp, fingerprint)


class Reader:
    """Fingerprints by stamp, and the stamps that were read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def __call__(self, source: Source) -> str:
        self.reads.append(source.stamp)
        if source.stamp not in CONTENT:
            raise PermissionError(13, "Permission denied")
        return CONTENT[source.stamp]


def arrivals(reader: Reader | None = None, room: int = 10, **known: Known) -> Arrivals:
    rows = {row.uri: row for row in known.values()}
    return Arrivals(
        rows, "now", rest_s=2.0, room=room, now_s=0.0, fingerprint_of=reader or Reader()
    )


def names(videos: list[Video]) -> list[str]:
    return [video.uri for video in videos]


def test_a_file_is_taken_when_its_stamp_has_rested() -> None:
    reader = Reader()
    watched = arrivals(reader)
    assert watched.poll([source("/a", "growing")], 0.0) == []
    assert watched.poll([source("/a", "a1")], 1.0) == []
    assert watched.poll([source("/a", "a1")], 2.0) == []
    assert reader.reads == [], "nothing is read while it grows"
    assert names(watched.poll([source("/a", "a1")], 3.0)) == ["/a"]
    assert watched.poll([source("/a", "a1")], 9.0) == [], "once"


def test_an_object_of_a_store_is_whole_at_once() -> None:
    assert names(arrivals().poll([source("gs://b/a", "a1", "md5:x")], 0.0)) == ["gs://b/a"]


def test_what_is_known_costs_nothing_and_another_version_counts() -> None:
    reader = Reader()
    watched = arrivals(reader, a=Known("/a", "a1", "A", 1, "now"))
    for now_s in (0.0, 5.0):
        assert watched.poll([source("/a", "a1")], now_s) == []
    assert reader.reads == []
    watched.poll([source("/a", "a2")], 6.0)
    assert names(watched.poll([source("/a", "a2")], 9.0)) == ["/a"]


def test_rows_of_another_configuration_are_out_of_date() -> None:
    watched = arrivals(a=Known("/a", "a1", "A", 1, "before"))
    watched.poll([source("/a", "a1")], 0.0)
    assert names(watched.poll([source("/a", "a1")], 2.0)) == ["/a"]


def test_a_new_version_waits_for_the_commit_of_the_old_one() -> None:
    watched = arrivals()
    watched.poll([source("/a", "a1")], 0.0)
    (old,) = watched.poll([source("/a", "a1")], 2.0)
    for now_s in (3.0, 6.0):
        assert watched.poll([source("/a", "a2")], now_s) == []
    watched.committed([old.video_id], 0, 7.0)
    (new,) = watched.poll([source("/a", "a2")], 8.0)
    assert new.video_id == video_id_of("A2")


def test_a_duplicate_waits_for_the_first_and_names_both() -> None:
    reader = Reader()
    watched = arrivals(reader)
    both = [source("/a", "a1"), source("/b", "b1")]
    watched.poll(both, 0.0)
    (first,) = watched.poll(both, 2.0)
    assert watched.poll(both, 4.0) == []
    watched.committed([first.video_id], 0, 5.0)
    (again,) = watched.poll(both, 6.0)
    assert (again.uri, again.duplicates) == ("/a", (Name("/b", "b1"),))
    assert reader.reads == ["a1", "b1"], "each file is read once"


def test_no_more_than_there_is_room_for() -> None:
    watched = arrivals(room=1)
    both = [source("/a", "a1"), source("/c", "c1")]
    watched.poll(both, 0.0)
    (first,) = watched.poll(both, 2.0)
    assert watched.poll(both, 4.0) == []
    status = watched.status()
    assert (status.waiting, status.in_progress, status.oldest_s) == (1, 1, 0.0)
    watched.committed([first.video_id], 0, 5.0)
    assert names(watched.poll(both, 6.0)) == ["/c"]


def test_what_cannot_be_read_fails_once_not_on_every_poll() -> None:
    stamp = "unreadable"
    watched = arrivals()
    watched.poll([source("/a", stamp)], 0.0)
    (failed,) = watched.poll([source("/a", stamp)], 2.0)
    assert failed.failure is not None
    watched.committed([failed.video_id], 1, 3.0)
    status = watched.status()
    assert (status.done, status.failed) == (1, 1)
    assert watched.poll([source("/a", stamp)], 9.0) == []


def test_what_goes_before_it_rests_leaves_nothing() -> None:
    watched = arrivals()
    watched.poll([source("/a", "a1")], 0.0)
    watched.poll([], 1.0)
    status = watched.status()
    assert (status.waiting, status.in_progress, status.oldest_s) == (0, 0, None)


def test_small_contents_do_not_wait_for_a_few_others() -> None:
    """A byte each: far more than there is room for; of large ones no more than that."""
    for size_bytes, taken in ((1, 64), (1 << 24, 2)):
        watched = Arrivals(
            {}, "now", rest_s=2.0, room=2, now_s=0.0, fingerprint_of=lambda source: source.uri
        )
        listing = [Source(f"/{n}", size_bytes, "1", f"{n}") for n in range(100)]
        assert len(watched.poll(listing, 0.0)) == taken


def test_a_content_that_is_read_holds_up_nobody() -> None:
    def reads(source: Source) -> str:
        thread = threading.Thread(target=watched.committed, args=([], 0, 1.0))
        thread.start()
        thread.join(timeout=5)
        waited.append(thread.is_alive())
        return source.uri

    waited: list[bool] = []
    watched = Arrivals({}, "now", rest_s=0.0, room=1, now_s=0.0, fingerprint_of=reads)
    assert names(watched.poll([source("/a", "a1")], 0.0)) == ["/a"]
    assert waited == [False]


def test_a_poll_costs_the_same_for_each_name_however_much_is_in_progress() -> None:
    def seconds(count: int) -> float:
        watched = Arrivals(
            {}, "now", rest_s=0.0, room=count, now_s=0.0, fingerprint_of=lambda source: source.uri
        )
        listing = [Source(f"/{n}", 1, "1", f"{n}") for n in range(count)]
        begun_s = time.process_time()
        assert len(watched.poll(listing, 0.0)) == count
        return time.process_time() - begun_s

    few, many = (min(seconds(count) for _ in range(3)) for count in (1000, 8000))
    assert many < 3 * 8 * few, "a sum over all in progress for each would be 64 times"


def test_numbers_in_a_row_take_no_memory() -> None:
    drawn = list(range(1000))
    random.Random(1).shuffle(drawn)
    numbers, those = Numbers(), set[int]()
    for first in drawn[:300]:
        last = first + first % 3
        numbers.add(first, last)
        those |= set(range(first, last + 1))
        assert len(numbers) == sum(number - 1 not in those for number in those)
    assert [number in numbers for number in range(-2, 1005)] == [
        number in those for number in range(-2, 1005)
    ]


def test_a_stream_of_a_day_is_one_run_of_numbers() -> None:
    watched = ChunkArrivals({}, "now", rest_s=0.0)
    for hour in range(24):
        frames = range(1000 * hour, 1000 * (hour + 1))
        listing = [Source(f"/in/a_{frame:012d}_keypoints.json", 1, "1") for frame in frames]
        chunks, _ = watched.poll(listing, float(hour), float(hour))
        assert sum(chunk.last - chunk.first + 1 for chunk in chunks) == 1000
        assert watched.poll(listing, hour + 0.5, hour + 0.5)[0] == [], "once"
    assert [len(taken) for taken in watched._taken.values()] == [1]


def test_idle_is_a_watch_that_has_listed_and_waits_for_nothing(tmp_path: Path) -> None:
    """It ends as soon as it is idle; an input and a chunk of a stream have to rest for a minute."""
    config = WatchConfig((str(tmp_path),), every_s=60.0, until_idle_s=0.0, streams=True)
    watched = WatchedInputs(config, {}, "now")
    assert not watched.over(), "it has seen nothing yet"
    watched.poll()
    assert watched.over()
    for name in ("a.mp4", "live.0.keypoints.npz"):
        place = tmp_path / name
        place.touch()
        watched.poll()
        assert not watched.over()
        place.unlink()
        watched.poll()
        assert watched.over()
    watched.stop()
    assert watched.over()
