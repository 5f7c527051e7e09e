"""Wiring of stage 5: segments in any order in, one recording with all its repetitions out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from repscore.transforms.errors import retried
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.records import Recording, SegmentPoses, failure_of
from repscore.transforms.repetitions.order import (
    OpenRecording,
    advance,
    close,
    parted,
    rejoined,
    release,
)
from repscore.transforms.repetitions.stored import StoredVideo, stored_recording
from repscore.transforms.repetitions.subject import Subjects

FAILURES: Final = "failures"


@dataclass
class WindowRepetitions(beam.PTransform[SegmentPoses, Recording]):
    """Cut the poses of every recording into repetitions.

    Segments are released in order, whatever order they arrive in; a failed one arrives as a
    tombstone. One element leaves per recording, when its last segment was released, with the
    timestamp of the segment that completed it; then its state is cleared. The counter `recordings`
    says how many have state, `held` how many segments wait for an earlier one. Of the people who
    were tracked, `subjects` says whose repetitions a recording has.
    """

    subjects: Subjects = field(default_factory=Subjects)

    def expand(self, segments: beam.PCollection[SegmentPoses]) -> beam.PCollection[Recording]:
        """Key by recording, then order and cut."""
        return (
            segments
            | "Key by recording" >> beam.WithKeys(_recording_of)
            | "Window" >> beam.ParDo(_Window(self.subjects))
        )


@dataclass
class RestoreRepetitions(beam.PTransform[StoredVideo, Recording]):
    """The recordings of inputs whose poses are in the store at `root`, without their videos.

    Their repetitions are cut once, stored beside the poses, and read the next time.
    An input whose poses are damaged or not in the store leaves no recording but, in the output
    `failures`, its failures with one that names the file.
    """

    root: str
    subjects: Subjects = field(default_factory=Subjects)

    def expand(self, stored: beam.PCollection[StoredVideo]) -> Any:
        """Read or cut each input by itself: outputs `recordings` and `failures`."""
        restore = beam.ParDo(_Restore(self.root, self.subjects))
        return (
            stored
            | "Spread" >> beam.Reshuffle()
            | "Restore" >> restore.with_outputs(FAILURES, main="recordings")
        )


class _Restore(beam.DoFn):
    def __init__(self, root: str, subjects: Subjects) -> None:
        self._root, self._subjects = root, subjects
        self._metrics = StageMetrics("repetitions")

    # Recordings, and TaggedOutput, which Beam would take for a type of the main output.
    def process(self, element: StoredVideo) -> Iterator[Any]:
        self._metrics.count_in()
        try:
            with self._metrics.timed():
                recording = retried(lambda: stored_recording(self._root, element, self._subjects))
        except Exception as error:  # one recording never ends a run
            self._metrics.add("missing", 1)
            failure = failure_of(element.video, "repetitions", error)
            yield TaggedOutput(FAILURES, (*element.failures, failure))
            return
        self._metrics.count_out()
        self._metrics.add("frames", recording.frames)
        yield recording


def _recording_of(segment: SegmentPoses) -> str:
    return segment.segment.video.video_id


def _advanced(recording: OpenRecording, segment: SegmentPoses) -> OpenRecording:
    """Advance; a segment whose poses cannot be used is a hole in the recording, and a failure."""
    try:
        return advance(recording, segment)
    except Exception as error:  # one recording never ends a run
        place = segment.segment
        failure = failure_of(place.video, "repetitions", error, place.index)
        hole = replace(segment, path=None, failures=(*segment.failures, failure))
        return release(recording, hole, None)


def _closed(recording: OpenRecording, last: SegmentPoses, subjects: Subjects) -> Recording:
    """Close; a recording that cannot be closed has no repetitions, and a failure."""
    try:
        return close(recording, last, subjects)
    except Exception as error:  # one recording never ends a run
        failure = failure_of(last.segment.video, "repetitions", error)
        failures = (*recording.failures, failure)
        nobody = replace(recording, people={}, repetitions=(), failures=failures)
        return close(nobody, last, subjects)


class _Window(beam.DoFn):
    """Puts the segments of a recording in order.

    What grows with a recording, its repetitions and failures, lies in a bag, which is read once, at
    the end; what is written again after a segment is the rest of the recording, which is bounded.
    A recording of one segment needs no state.
    """

    WAITING = BagStateSpec("waiting", PickleCoder())
    OPEN = ReadModifyWriteStateSpec("open", PickleCoder())
    RELEASED = BagStateSpec("released", PickleCoder())

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self._metrics = StageMetrics("repetitions")

    def process(
        self,
        element: tuple[str, SegmentPoses],
        waiting: Any = beam.DoFn.StateParam(WAITING),
        open_: Any = beam.DoFn.StateParam(OPEN),
        released: Any = beam.DoFn.StateParam(RELEASED),
    ) -> Iterator[Recording]:
        _, arrived = element
        self._metrics.count_in()
        if arrived.segment.count == 1:
            yield self._finished(self._advanced(OpenRecording(), arrived), arrived)
            return
        before: OpenRecording | None = open_.read()
        recording = before or OpenRecording()
        if arrived.segment.index != recording.next_index:
            waiting.add(arrived)
            self._metrics.add("held", 1)
            if before is None:
                open_.write(recording)
                self._metrics.add("recordings", 1)
            return
        early: Iterable[SegmentPoses] = waiting.read()
        segments = {segment.segment.index: segment for segment in (*early, arrived)}
        first = recording.next_index
        while segment := segments.pop(recording.next_index, None):
            recording = self._advanced(recording, segment)
            if recording.next_index == segment.segment.count:
                self._metrics.add("held", 1 - (recording.next_index - first))
                self._metrics.add("recordings", -(before is not None))
                recording = rejoined([*released.read()], recording)
                for state in (waiting, open_, released):
                    state.clear()
                yield self._finished(recording, segment)
                return
        recording, part = parted(recording)
        if part is not None:
            released.add(part)
        open_.write(recording)
        self._metrics.add("recordings", int(before is None))
        if recording.next_index > first + 1:
            self._metrics.add("held", 1 - (recording.next_index - first))
            waiting.clear()
            for segment in segments.values():
                waiting.add(segment)

    def _advanced(self, recording: OpenRecording, segment: SegmentPoses) -> OpenRecording:
        with self._metrics.timed():
            return _advanced(recording, segment)

    def _finished(self, recording: OpenRecording, last: SegmentPoses) -> Recording:
        with self._metrics.timed():
            closed = _closed(recording, last, self._subjects)
        self._metrics.count_out()
        return closed
