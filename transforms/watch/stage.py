"""Wiring of watched inputs: videos as they arrive, streams of keypoints as finite recordings."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import PBegin, TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from repscore.transforms.inputs import ProbeError
from repscore.transforms.keypoints.names import kind_of
from repscore.transforms.keypoints.parts import times_of
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.records import Failure, Video, video_id_of
from repscore.transforms.watch.boundary import boundary_s
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
from repscore.transforms.watch.watched_inputs import watched_inputs

_ROUNDING_S: Final = 0.002
"""Prism's timers fire at whole milliseconds, rounded down."""


@dataclass
class WatchVideos(beam.PTransform[None, Video]):
    """The videos of the `WatchedInputs` of that name, in this process, as they arrive.

    Streams of keypoints come as the finite recordings that they are cut into, whose chunks without
    times have `keypoints_fps`.
    """

    name: str
    keypoints_fps: float = 30.0

    def expand(self, begin: PBegin) -> beam.PCollection[Video]:
        """Poll, and spread the videos."""
        polled: Any = (
            begin
            | "Watch" >> beam.Create([self.name])
            | "Poll" >> beam.ParDo(_Poll()).with_outputs("chunks", main="videos")
        )
        recordings = polled.chunks | "Streams" >> GatherStreams(self.keypoints_fps)
        return (polled.videos, recordings) | beam.Flatten() | "Spread" >> beam.Reshuffle()


_POLLS: Final = OffsetRange(0, 2**62)


class _Polls(RestrictionProvider):
    """Polls by number, without end."""

    def initial_restriction(self, element: str) -> OffsetRange:  # noqa: ARG002 - Beam's signature
        return _POLLS

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:  # noqa: ARG002
        return 1


_BY_NUMBER: Final = _Polls()
_WATERMARK: Final = ManualWatermarkEstimator.default_provider()


class _Poll(beam.DoFn):
    """One poll per bundle; the rest is put off until the next is due, or dropped at the end."""

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: str,
        tracker: Any = beam.DoFn.RestrictionParam(_BY_NUMBER),
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(_WATERMARK),
    ) -> Iterator[Any]:
        inputs = watched_inputs(element)
        if inputs.over():
            tracker.try_claim(_POLLS.stop - 1)
            return
        if tracker.try_claim(tracker.current_restriction().start):
            videos, chunks, instant_s = inputs.poll()
            yield from videos
            for chunk in chunks:
                yield TaggedOutput("chunks", TimestampedValue(chunk, chunk.arrived_s))
            now = watermark.current_watermark()
            if instant_s is not None and (now is None or Timestamp.of(instant_s) > now):
                watermark.set_watermark(Timestamp.of(instant_s))
            tracker.defer_remainder(Duration.of(inputs.every_s))


@dataclass
class GatherStreams(beam.PTransform[Chunk, Video]):
    """Make finite recordings of streams of keypoints, each when it is closed.

    A recording is closed by the end mark, by silence (an event-time timer) or by its length, at a
    repetition's boundary. A chunk that comes after its recording went on without it is a failure.
    The state of a stream is bounded by its longest recording, counted as `held` in the metrics,
    and cleared when the stream ends or is forgotten.

    Attributes:
        fps: frames per second of keypoints that say nothing of time.
        cut: where a part that is too long is cut; None at its last repetition's end.
    """

    fps: float = 30.0
    limits: Limits = field(default_factory=Limits)
    cut: Cut | None = None

    def expand(self, chunks: beam.PCollection[Chunk]) -> beam.PCollection[Video]:
        """Key by stream, order, close."""
        cut = self.cut or partial(boundary_s, fps=self.fps)
        return (
            chunks
            | "Span" >> beam.Map(with_span, self.fps).with_output_types(Chunk)
            | "Key by stream" >> beam.WithKeys(lambda chunk: chunk.stream)
            | "Gather" >> beam.ParDo(_Gather(self.limits, cut)).with_output_types(Video)
        )


class _Gather(beam.DoFn):
    STREAM = ReadModifyWriteStateSpec("stream", PickleCoder())
    DUE = TimerSpec("due", TimeDomain.WATERMARK)

    def __init__(self, limits: Limits, cut: Cut) -> None:
        self._limits, self._cut = limits, cut
        self._metrics = StageMetrics("streams")

    def process(
        self,
        element: tuple[str, Chunk],
        state: Any = beam.DoFn.StateParam(STREAM),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[Video]:
        self._metrics.count_in()
        before = state.read()
        after, parts = arrive(before, element[1], self._limits, self._cut)
        yield from self._store(before, after, parts, state, due)

    @on_timer(DUE)
    def look(
        self,
        timestamp: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(STREAM),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[Video]:
        before = state.read()
        if before is not None:
            after, parts = tick(
                before, timestamp.micros / 1e6 + _ROUNDING_S, self._limits, self._cut
            )
            yield from self._store(before, after, parts, state, due)

    def _store(
        self,
        before: OpenStream | None,
        after: OpenStream | None,
        parts: tuple[GatheredPart, ...],
        state: Any,
        due: Any,
    ) -> Iterator[Video]:
        self._metrics.add("streams", (after is not None) - (before is not None))
        self._metrics.add("held", (after.held if after else 0) - (before.held if before else 0))
        if after is None:
            state.clear()
            due.clear()
        else:
            state.write(after)
            due.set(due_s(after, self._limits))
        for gathered in parts:
            self._metrics.count_out(failed=gathered.part.late)
            yield video_of(gathered)


def with_span(chunk: Chunk, fps: float) -> Chunk:
    """The chunk with the span of its frames; without, where it cannot be read."""
    if chunk.end:
        return chunk
    if kind_of(chunk.stream) == "openpose":
        return replace(chunk, start_s=chunk.first / fps, end_s=(chunk.last + 1) / fps)
    try:
        probed, time_s = times_of(chunk.place, fps)
    except (ProbeError, OSError):  # reading the recording reports it
        return chunk
    length_s = 1 / probed.fps if probed.fps else 0.0
    return replace(chunk, start_s=float(time_s[0]), end_s=float(time_s[-1]) + length_s)


def video_of(gathered: GatheredPart) -> Video:
    """A part of a stream as an input like others; one that came too late carries its failure."""
    part = gathered.part
    uri = part.uri
    content = f"stream:{uri}"
    video_id = video_id_of(content)
    failure = None
    if part.late:
        message = (
            f"{part.stream}: chunks {part.first} to {part.last} came after their recording had "
            "gone on without them: send chunks within the allowed lateness"
        )
        failure = Failure(uri, video_id, "discover", "LateKeypoints", message)
    return Video(
        uri=uri,
        video_id=video_id,
        fingerprint=content,
        size_bytes=gathered.size_bytes,
        stamp=str(gathered.size_bytes),
        duplicates=(),
        location=uri,
        failure=failure,
        arrived_at=datetime.fromtimestamp(gathered.arrived_s, UTC),
    )
