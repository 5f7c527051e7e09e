"""Ordered release: any arrival order gives the recording that the right order gives."""

import random
from collections import Counter
from pathlib import Path

import apache_beam as beam
import fakes
import numpy as np
import pytest
from apache_beam.testing.util import assert_that

from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.pose.store import SegmentFile, segment_path, write_segment
from repscore.transforms.pose.worker import finished, tombstone
from repscore.transforms.records import Probe, Recording, Segment, SegmentPoses, Video
from repscore.transforms.repetitions.stage import WindowRepetitions

PROBE = Probe(640, 480, 10.0, 400, 40.0, 0, "mp4v")
COUNT, LENGTH_S, RATE_HZ = 8, 5.0, 10


def archive(root: Path, name: str, missing: int | None = None) -> list[SegmentPoses]:
    """Eight segments of five seconds of arm raises; segment `missing` is a tombstone."""
    estimator = fakes.ArmRaiser()
    frame = np.zeros((4, 4, 3), np.uint8)
    video = Video(f"/{name}", name, name, 1, "1", (), f"/{name}")
    segments = []
    for index in range(COUNT):
        start_s = index * LENGTH_S
        end_s = start_s + LENGTH_S if index < COUNT - 1 else float("inf")
        segment = Segment(video, index, COUNT, start_s, end_s, PROBE)
        if index == missing:
            segments.append(tombstone(segment, "v", "WorkerDied", "gone"))
            continue
        times = start_s + np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ
        poses = [(float(time_s), estimator.track(frame, float(time_s))) for time_s in times]
        about = SegmentFile(
            video_id=name, pose_version="v", segment=index, segments=COUNT, start_s=start_s,
            end_s=None, topology="blazepose33", estimator={}, width_px=640, height_px=480,
            fps=10.0, sample_fps=None, frames=len(poses), frames_with_person=len(poses),
            decoded_s=start_s + LENGTH_S, shortfall=None, clock_jumps=None,
            pictures=12, pictures_decoded=12,
        )  # fmt: skip
        path = segment_path(str(root), "v", segment)
        write_segment(path, about, poses)
        segments.append(finished(segment, path, about, busy_s=1.0))
    return segments


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
