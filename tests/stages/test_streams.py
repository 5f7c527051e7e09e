"""Streams in the graph, on Prism: TestStream says what comes when, and where the watermark is."""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing

import apache_beam as beam
import pytest
from apache_beam.testing import test_stream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue
from streams import chunk

from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.keypoints.names import StreamPart, part_of
from repscore.transforms.records import Video
from repscore.transforms.watch.gather import Chunk, Limits
from repscore.transforms.watch.stage import GatherStreams


def _told(video: Video) -> str:
    part = part_of(video.uri)
    assert part is not None
    name = part.stream.removesuffix(".%d.keypoints.npz")
    if video.failure is not None:
        return f"{name} {part.first} {video.failure.error_class}"
    return f"{name} {part.first}-{part.last}"


def _half_way(part: StreamPart) -> float:
    return part.start_s + (part.end_s - part.start_s) / 2


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with closing(Runner(RunnerConfig("prism"))) as prism:
        yield prism


@pytest.fixture(autouse=True)
def _spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunks of these tests have spans and no files."""
    monkeypatch.setattr("repscore.transforms.watch.stage.with_span", lambda chunk, fps: chunk)


def gather(
    runner: Runner, events: Sequence[Chunk | float], expected: list[str], limits: Limits
) -> None:
    """Chunks come at their event time; a number is where the watermark goes."""
    stream = test_stream.TestStream().advance_watermark_to(0)
    for event in events:
        if isinstance(event, Chunk):
            stream = stream.add_elements([TimestampedValue(event, event.arrived_s)])
        else:
            stream = stream.advance_watermark_to(event)
    pipeline = runner.pipeline(streaming=True)
    recordings = (
        pipeline
        | stream.advance_watermark_to_infinity()
        | GatherStreams(limits=limits, cut=_half_way)
        | beam.Map(_told)
    )
    assert_that(recordings, equal_to(expected))
    counters = runner.run(pipeline)
    assert counters["streams in"] == sum(isinstance(event, Chunk) for event in events)
    assert counters["streams held"] == counters["streams streams"] == 0, "nothing is left"


def both(number: int, at_s: float) -> list[Chunk]:
    return [chunk(number, at_s, name="/a"), chunk(number, at_s, name="/b")]


@pytest.mark.parametrize("seed", range(3))
def test_two_streams_interleaved_in_any_order(runner: Runner, seed: int) -> None:
    events = [one for number in range(6) for one in both(number, 2.0)]
    random.Random(seed).shuffle(events)
    gather(runner, events, ["/a 0-5", "/b 0-5"], Limits())


def test_silence_is_event_time(runner: Runner) -> None:
    events = [chunk(0, 0.0), 19.0, chunk(1, 19.0), 38.0, 39.5, chunk(2, 60.0)]
    gather(runner, events, ["/live 0-1", "/live 2-2"], Limits())


def test_late_chunks_holes_and_tombstones(runner: Runner) -> None:
    broken = Chunk("/live.%d.keypoints.npz", 1, 1, 5.0, 5.0)
    events = [chunk(0, 0.0), broken, chunk(3, 10.0), chunk(4, 25.0), 31.0, chunk(2, 12.0)]
    gather(runner, events, ["/live 0-4", "/live 2 LateKeypoints"], Limits())


def test_the_end_mark_and_what_comes_after_it(runner: Runner) -> None:
    events = [chunk(0, 0.0), chunk(2, 1.0, end=True), chunk(1, 2.0), 3.0, chunk(1, 4.0)]
    gather(runner, events, ["/live 0-1", "/live 1 LateKeypoints"], Limits())


def test_a_stream_without_end_is_cut_by_length(runner: Runner) -> None:
    """Five seconds a chunk, twenty a recording, cut after ten."""
    events: list[Chunk | float] = []
    for number in range(8):
        events += [chunk(number, 5.0 * number), 5.0 * number + 1]
    cut = ["/live 0-1", "/live 2-3", "/live 4-5", "/live 6-7"]
    gather(runner, events, cut, Limits(length_s=20.0))
