"""Streams as recordings: chunks and instants by hand, five seconds each."""

import random
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import streams
from streams import chunk

from repscore.transforms.keypoints.names import StreamPart, chunk_of, part_of
from repscore.transforms.keypoints.source import probe_keypoints, read_keypoints
from repscore.transforms.records import Segment, Video
from repscore.transforms.repetitions import motion
from repscore.transforms.watch import boundary
from repscore.transforms.watch.chunks import floors
from repscore.transforms.watch.gather import (
    Chunk,
    Cut,
    GatheredPart,
    Limits,
    OpenStream,
    arrive,
    due_s,
    tick,
)

LIMITS = Limits()


def at_end(part: StreamPart) -> float:
    return part.end_s


def feed(
    chunks: list[Chunk], limits: Limits = LIMITS, cut: Cut = at_end
) -> tuple[OpenStream | None, list[GatheredPart]]:
    """Chunks one by one, timers between them as an event-time clock would fire them."""
    state: OpenStream | None = None
    found: list[GatheredPart] = []
    for one in chunks:
        while state is not None and due_s(state, limits) <= one.arrived_s:
            state, more = tick(state, due_s(state, limits), limits, cut)
            found += more
        state, more = arrive(state, one, limits, cut)
        found += more
    return state, found


def after(
    state: OpenStream | None, limits: Limits = LIMITS, cut: Cut = at_end
) -> list[GatheredPart]:
    """What leaves when nothing comes any more; then nothing is left."""
    found: list[GatheredPart] = []
    while state is not None:
        state, more = tick(state, due_s(state, limits), limits, cut)
        found += more
    return found


def numbers(found: list[GatheredPart]) -> list[tuple[int, int]]:
    return [(one.part.first, one.part.last) for one in found]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_is_one_recording(seed: int) -> None:
    order = list(range(12))
    random.Random(seed).shuffle(order)
    state, found = feed([chunk(number, 0.1 * at) for at, number in enumerate(order)])
    assert found == []
    assert numbers(after(state)) == [(0, 11)]


def test_the_end_mark_closes_at_once_whenever_it_comes() -> None:
    state, found = feed([chunk(2, 0.0, end=True), chunk(1, 1.0), chunk(0, 2.0)])
    assert numbers(found) == [(0, 1)]
    assert state is not None
    assert state.held == 0


def test_silence_closes_live_and_afterwards_alike() -> None:
    arrivals = [(0, 0.0), (1, 5.0), (2, 26.0), (3, 31.0)]
    state, found = feed([chunk(*one) for one in arrivals])
    assert numbers([*found, *after(state)]) == [(0, 1), (2, 3)]
    state, found = None, []
    for one in arrivals:  # without a clock between them
        state, more = arrive(state, chunk(*one), LIMITS, at_end)
        found += more
    assert numbers([*found, *after(state)]) == [(0, 1), (2, 3)]


def test_a_hole_is_waited_for_and_then_kept_open() -> None:
    state, found = feed([chunk(0, 0.0), chunk(2, 5.0), chunk(1, 24.0)])
    assert numbers([*found, *after(state)]) == [(0, 2)]
    state, found = feed([chunk(number, 5.0 * number) for number in (0, 2, 3, 4, 5, 6)])
    assert found == []
    assert state is not None
    assert [one.first for one in state.taken] == [0, 2, 3, 4, 5, 6], "given up after 20 s"


def test_what_comes_later_than_allowed_is_told() -> None:
    state, found = feed([chunk(n, 5.0 * n) for n in (0, 2, 3, 4, 5, 6)] + [chunk(1, 31.0)])
    assert [one.part for one in found] == [StreamPart("/live.%d.keypoints.npz", 1, 1, late=True)]
    assert numbers(after(state)) == [(0, 6)]


def test_a_broken_chunk_holds_up_nothing() -> None:
    broken = Chunk("/live.%d.keypoints.npz", 1, 1, 5.0, 5.0)
    state, _ = feed([chunk(0, 0.0), broken, chunk(2, 10.0)])
    assert numbers(after(state)) == [(0, 2)]


def test_an_endless_stream_is_cut_and_state_stays_small() -> None:
    """Cut at 59 minutes past each beginning: the parts tile the clock of the stream."""

    def near_the_end(part: StreamPart) -> float:
        return part.end_s - 60.0

    state, found = None, []
    most = 0
    for number in range(12 * 60 * 5):
        state, more = arrive(state, chunk(number, 5.0 * number), LIMITS, near_the_end)
        found += more
        most = max(most, state.held if state else 0)
    assert most <= 721, "an hour of chunks of five seconds"
    spans = [(one.part.start_s, one.part.end_s) for one in [*found, *after(state)]]
    assert spans[0] == (0.0, 3540.0)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert len(spans) == 6
    assert spans[-1][1] == np.inf


def test_what_the_dataset_holds_without_a_hole_is_behind_us() -> None:
    name = "/live.%d.keypoints.npz"
    whole, cut, beyond = (
        StreamPart(name, 0, 3),
        StreamPart(name, 4, 9, 20.0, 47.5),
        StreamPart(name, 12, 14),
    )
    assert floors([beyond, whole, cut]) == {name: (9, 47.5)}
    assert floors([whole, StreamPart(name, 5, 5, late=True)]) == {name: (4, 0.0)}


@pytest.mark.parametrize(
    "part",
    [
        StreamPart("/a b/live.%d.keypoints.npz", 0, 12),
        StreamPart("gs://b/x_%d_keypoints.json", 7, 9, 3599.85, 7200.05),
        StreamPart("/live.%d.keypoints.parquet", 3, 3, late=True),
    ],
)
def test_a_part_is_named_and_found_again(part: StreamPart) -> None:
    assert part_of(part.uri) == part


def test_what_is_a_chunk_follows_from_its_name() -> None:
    assert chunk_of("/a/live.12.keypoints.npz") == ("/a/live.%d.keypoints.npz", 12)
    assert chunk_of("/a/live.13.keypoints.npz.end") == ("/a/live.%d.keypoints.npz", 13)
    assert chunk_of("/a/c_000000000012_keypoints.json") == ("/a/c_%d_keypoints.json", 12)
    assert chunk_of("/a/live.keypoints.npz") is None
    assert chunk_of("/a/12.mp4") is None


def repetitions(part: StreamPart) -> list[float]:
    """When the repetitions of a part turn, on the stream's clock."""
    probed, _ = probe_keypoints(part.uri, 30.0)
    video = Video(part.uri, "", "", 0, "", (), part.uri)
    poses = read_keypoints(Segment(video, 0, 1, 0.0, np.inf, probed), 30.0)
    state, first = motion.step(motion.start(0), boundary._of(0, poses.poses, poses.topology))
    return [part.start_s + repetition.turn_s for repetition in (*first, *motion.finish(state))]


def test_a_cut_at_a_repetitions_boundary_costs_no_repetition(tmp_path: Path) -> None:
    """Fifty seconds of raises, two seconds each, cut every half minute at most."""
    limits = Limits(length_s=30.0)
    chunks = []
    for number in range(10):
        path = streams.write_chunk(tmp_path, number)
        one = chunk(number, 5.0 * number, name=str(tmp_path / "live"))
        assert chunk_of(str(path)) == (one.stream, number)
        chunks.append(one)
    cut = partial(boundary.boundary_s, fps=30.0)
    state, found = feed(chunks, limits, cut)
    parts = [one.part for one in [*found, *after(state, limits, cut)]]
    assert len(parts) == 2
    assert parts[0].end_s == parts[1].start_s < 30.0
    whole = repetitions(parts[0]._replace(last=9, end_s=np.inf))
    together = [turn for part in parts for turn in repetitions(part)]
    assert len(whole) == 25
    assert len(together) == len(whole)
    assert np.abs(np.array(together) - whole).max() < 0.2


def test_a_missing_chunk_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        streams.write_chunk(tmp_path, number)
    part = StreamPart(f"{tmp_path}/live.%d.keypoints.npz", 0, 3)
    probed, time_s = probe_keypoints(part.uri, 30.0)
    assert (probed.frames, time_s[0], time_s[-1]) == (150, 0.0, 19.9)
    video = Video(part.uri, "", "", 0, "", (), part.uri)
    found = read_keypoints(Segment(video, 0, 1, 0.0, np.inf, probed), 30.0)
    assert len(found.poses) == 150
    assert found.shortfall is not None
    assert "chunks 2 to 2 never came" in found.shortfall
