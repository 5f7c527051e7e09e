"""Changes: what a listing asks for, given what the dataset knows."""

from collections.abc import Sequence

import pytest

from repscore.transforms.discover.changes import Changes, in_groups
from repscore.transforms.discover.sources import Source
from repscore.transforms.records import Known, Video, video_id_of

CONFIG = "c1"


def source(uri: str, stamp: str = "1") -> Source:
    return Source(uri, size_bytes=10, stamp=stamp)


def known(uri: str, content: str, first: str | None = None, config: str = CONFIG) -> Known:
    return Known(uri, "1", content, 10, config, first)


def decide(sources: Sequence[Source], contents: dict[str, str], *rows: Known) -> list[Video]:
    known = {row.uri: row for row in rows}
    changes = Changes(known, CONFIG, lambda source: contents[source.uri])
    return [video for source in sources for video in changes.decide(source)]


def names(video: Video) -> tuple[str, ...]:
    return (video.uri, *(name.uri for name in video.duplicates))


def test_new_inputs_are_processed() -> None:
    first, second = decide([source("a"), source("b")], {"a": "A", "b": "B"})
    assert (names(first), names(second)) == (("a",), ("b",))
    assert first.video_id == video_id_of("A")


def test_equal_stamp_and_configuration_is_unchanged_without_reading() -> None:
    assert decide([source("a")], {}, known("a", "A")) == []


def test_another_configuration_is_processed_without_reading() -> None:
    (video,) = decide([source("a")], {}, known("a", "A", config="old"))
    assert video.fingerprint == "A"


def test_a_second_name_travels_with_the_first() -> None:
    group = list(in_groups([source("a"), source("b")], Changes({}, CONFIG, lambda _: "A"), 9))
    ((videos, unchanged),) = group
    assert [names(video) for video in videos] == [("a", "b")]
    assert unchanged == 0


def test_a_second_name_that_comes_later_keeps_the_first() -> None:
    (video,) = decide([source("a"), source("b")], {"b": "A"}, known("a", "A"))
    assert names(video) == ("a", "b")
    assert video.location == "b", "it is read from the name that was just seen to hold it"


def test_a_touched_file_keeps_its_content() -> None:
    (video,) = decide([source("a", stamp="2")], {"a": "A"}, known("a", "A"))
    assert (video.video_id, video.stamp) == (video_id_of("A"), "2")


def test_the_heir_takes_over_when_the_first_name_is_replaced() -> None:
    rows = (known("a", "A"), known("b", "A", first="a"))
    heir, replaced = decide([source("a", stamp="2"), source("b")], {"a": "X"}, *rows)
    assert names(heir) == ("b",), "once: when b itself is listed, it is current"
    assert names(replaced) == ("a",)


def test_a_replaced_duplicate_leaves_the_first_alone() -> None:
    rows = (known("a", "A"), known("b", "A", first="a"))
    (video,) = decide([source("a"), source("b", stamp="2")], {"b": "B"}, *rows)
    assert names(video) == ("b",)


def test_what_cannot_be_read_is_a_failure() -> None:
    def refuse(_: Source) -> str:
        raise PermissionError(13, "Permission denied")

    changes = Changes({}, CONFIG, refuse)
    (video,) = changes.decide(source("a"))
    assert video.failure is not None
    assert video.failure.error_class == "PermissionError"
    assert "Permission denied" in video.failure.message
    assert changes.decide(source("a")) == [], "once"


def test_what_could_not_be_read_is_read_again_for_another_configuration() -> None:
    (video,) = decide([source("a")], {"a": "A"}, known("a", "unread:a", config="old"))
    assert (video.fingerprint, video.failure) == ("A", None)


def test_the_heir_takes_over_when_the_first_name_cannot_be_read() -> None:
    def refuse(_: Source) -> str:
        raise PermissionError(13, "Permission denied")

    rows = (known("a", "A"), known("b", "A", first="a"))
    heir, failed = Changes({row.uri: row for row in rows}, CONFIG, refuse).decide(source("a", "2"))
    assert names(heir) == ("b",)
    assert failed.failure is not None


@pytest.mark.parametrize(("most", "sizes"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_groups_are_full_but_for_the_last(most: int, sizes: list[int]) -> None:
    contents = {letter: letter.upper() for letter in "abcde"}
    changes = Changes({}, CONFIG, lambda source: contents[source.uri])
    groups = list(in_groups([source(letter) for letter in contents], changes, most))
    assert [len(videos) for videos, _ in groups] == sizes
