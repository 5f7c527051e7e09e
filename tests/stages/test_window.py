"""Ordered release: any arrival order gives the recording that the right order gives."""

import pickle
import random
from collections import Counter
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that
from archives import COUNT, archive

from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.records import Recording, SegmentPoses
from repscore.transforms.repetitions.stage import WindowRepetitions, _Window
from repscore.transforms.repetitions.subject import Subjects


def told(recording: Recording) -> tuple[object, ...]:
    return (
        recording.video.uri,
        recording.segments,
        recording.frames,
        len(recording.failures),
        tuple((found.start_s, found.turn_s, found.end_s) for found in recording.repetitions),
    )


def window(segments: list[SegmentPoses]) -> tuple[list[tuple[object, ...]], Counter[str]]:
    """The recordings, and the counters of the stage."""
    collected: list[tuple[object, ...]] = []

    def keep(found: list[Recording]) -> None:
        collected.extend(sorted(map(told, found)))

    runner = Runner(RunnerConfig())
    pipeline = runner.pipeline()
    assert_that(pipeline | beam.Create(segments) | WindowRepetitions(), _Collect(keep))
    return collected, runner.run(pipeline)


class _Collect:
    """A matcher that hands on what it sees: the in-process runner calls it in this process."""

    def __init__(self, keep: object) -> None:
        _Collect.keep = keep  # type: ignore[attr-defined]

    def __call__(self, found: list[Recording]) -> None:
        _Collect.keep(found)  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_recordings(tmp_path: Path, seed: int) -> None:
    segments = [*archive(tmp_path, "a"), *archive(tmp_path, "b", missing=3)]
    expected, _ = window(segments)
    shuffled = segments.copy()
    random.Random(seed).shuffle(shuffled)
    found, counters = window(shuffled)
    assert found == expected
    assert counters["repetitions held"] == counters["repetitions recordings"] == 0
    assert [row[0] for row in expected] == ["/a", "/b"]
    assert [row[3] for row in expected] == [0, 1]


def test_a_tombstone_costs_its_span_alone(tmp_path: Path) -> None:
    (((*_, whole),), _) = window(archive(tmp_path, "a"))
    (((*_, holed),), _) = window(archive(tmp_path, "b", missing=3))
    assert isinstance(whole, tuple)
    assert isinstance(holed, tuple)
    assert len(whole) == 20, "40 s of raises that last 2 s each"
    hole = (15.0, 20.0)
    apart = [found for found in holed if found[2] <= hole[0] - 2 or found[0] >= hole[1] + 2]
    assert len(apart) >= 14
    assert not [found for found in holed if found[0] > hole[0] and found[2] < hole[1]]


@pytest.mark.parametrize(("absent", "held"), [(0, COUNT - 1), (3, COUNT - 4), (COUNT - 1, 0)])
def test_what_is_kept_is_counted(tmp_path: Path, absent: int, held: int) -> None:
    """A segment that never comes: the ones behind it wait, the ones before it are released."""
    segments = archive(tmp_path, "a")
    del segments[absent]
    random.Random(absent).shuffle(segments)
    found, counters = window(segments)
    assert found == []
    assert (counters["repetitions recordings"], counters["repetitions held"]) == (1, held)


class _State:
    """A value or a bag that notes how many bytes each write takes."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.sizes: list[int] = []

    def read(self) -> list[object]:
        return self.values

    def add(self, value: object) -> None:
        self.sizes.append(len(pickle.dumps(value)))
        self.values.append(value)

    def clear(self) -> None:
        self.values = []


class _Value(_State):
    def read(self) -> object:
        return self.values[-1] if self.values else None

    write = _State.add


def test_what_a_segment_writes_to_state_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    waiting, open_, released = _State(), _Value(), _State()
    segments = archive(tmp_path, "a", count=24)
    window_fn = _Window(Subjects())
    recordings = [
        recording
        for segment in segments
        for recording in window_fn.process(("a", segment), waiting, open_, released)
    ]
    assert [len(recording.repetitions) for recording in recordings] == [60], "raises of 2 s"
    for state in (open_, released):
        middle, late = sum(state.sizes[4:10]), sum(state.sizes[-6:])
        assert late < 1.15 * middle
    assert not open_.values
    assert not released.values


def test_a_recording_of_one_segment_touches_no_state(tmp_path: Path) -> None:
    waiting, open_, released = _State(), _Value(), _State()
    (segment,) = archive(tmp_path, "a", count=1)
    (recording,) = _Window(Subjects()).process(("a", segment), waiting, open_, released)
    assert recording.segments == 1
    assert [open_.sizes, released.sizes, waiting.sizes] == [[], [], []]
