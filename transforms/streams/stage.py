"""Wiring of streams: chunks in any order in, finite recordings out, as videos."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer

from repscore.transforms.keypoints.names import kind_of
from repscore.transforms.keypoints.parts import times_of
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.plan.probe import ProbeError
from repscore.transforms.records import Failure, Video, video_id_of
from repscore.transforms.streams.boundary import boundary_s
from repscore.transforms.streams.gather import (
    Chunk,
    Cut,
    Found,
    Limits,
    OpenStream,
    arrive,
    due_s,
    tick,
)

_ROUNDING_S: Final = 0.002
"""Prism's timers fire at whole milliseconds, rounded down."""


@dataclass
class GatherStreams(beam.PTransform[Chunk, Video]):
    """Make finite recordings of streams of keypoints, each when it is closed.

    By the end mark, by silence (an event-time timer) or by length, at a repetition's boundary. A
    chunk that is later than the hole it leaves is waited for comes out as a failure. The state of a
    stream is bounded by its longest recording, counted as `held` in the metrics, and cleared when
    the stream ends or is forgotten.

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
        self._metrics.came()
        before = state.read()
        after, found = arrive(before, element[1], self._limits, self._cut)
        yield from self._kept(before, after, found, state, due)

    @on_timer(DUE)
    def look(
        self,
        timestamp: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(STREAM),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[Video]:
        before = state.read()
        if before is not None:
            after, found = tick(
                before, timestamp.micros / 1e6 + _ROUNDING_S, self._limits, self._cut
            )
            yield from self._kept(before, after, found, state, due)

    def _kept(
        self,
        before: OpenStream | None,
        after: OpenStream | None,
        found: tuple[Found, ...],
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
        for one in found:
            self._metrics.went(failed=one.part.late)
            yield video_of(one)


def with_span(chunk: Chunk, fps: float) -> Chunk:
    """The chunk with the span of its frames; without, where it cannot be read."""
    if chunk.end:
        return chunk
    if kind_of(chunk.stream) == "openpose":
        return replace(chunk, start_s=chunk.first / fps, end_s=(chunk.last + 1) / fps)
    try:
        probed, time_s = times_of(chunk.place, fps)
    except (ProbeError, OSError):  # which reading the recording tells
        return chunk
    length_s = 1 / probed.fps if probed.fps else 0.0
    return replace(chunk, start_s=float(time_s[0]), end_s=float(time_s[-1]) + length_s)


def video_of(found: Found) -> Video:
    """A part of a stream as an input like others; one that came too late carries its failure."""
    part = found.part
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
        size_bytes=found.size_bytes,
        stamp=str(found.size_bytes),
        duplicates=(),
        location=uri,
        failure=failure,
        arrived_at=datetime.fromtimestamp(found.arrived_s, UTC),
    )
