"""Wiring of stage 5: segments in any order in, one recording with all its repetitions out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from repscore.transforms.metrics import StageMetrics
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import Recording, SegmentPoses
from repscore.transforms.repetitions.kept import PosesMissing, Stored, recording_of
from repscore.transforms.repetitions.order import OpenRecording, close, release
from repscore.transforms.repetitions.subject import Subjects


@dataclass
class WindowRepetitions(beam.PTransform[SegmentPoses, Recording]):
    """Cut the poses of every recording into repetitions.

    Segments are released in order, whatever order they arrive in; a failed one arrives as a
    tombstone. One element leaves per recording, when its last segment was released, with the
    timestamp of the segment that completed it; then nothing of it is kept. What is kept until then
    are the counters `recordings` and, of segments that came before their turn, `held`. Of the
    people who were followed it has those whom `subjects` says.
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
class RestoreRepetitions(beam.PTransform[Stored, Recording]):
    """The recordings of inputs whose poses are in the store at `root`, without their videos.

    What is cut into repetitions once is kept, and read the next time. Repeating it changes nothing.
    An input whose poses are not in the store leaves no recording (counter `missing`).
    """

    root: str
    subjects: Subjects = field(default_factory=Subjects)

    def expand(self, stored: beam.PCollection[Stored]) -> beam.PCollection[Recording]:
        """Read or cut each input by itself."""
        return (
            stored
            | "Spread" >> beam.Reshuffle()
            | "Restore" >> beam.ParDo(_Restore(self.root, self.subjects))
        )


class _Restore(beam.DoFn):
    def __init__(self, root: str, subjects: Subjects) -> None:
        self._root, self._subjects = root, subjects
        self._metrics = StageMetrics("repetitions")

    def process(self, element: Stored) -> Iterator[Recording]:
        self._metrics.came()
        try:
            with self._metrics.timed():
                recording = recording_of(self._root, element, self._subjects)
        except PosesMissing:
            self._metrics.add("missing", 1)
            return
        self._metrics.went()
        self._metrics.add("frames", recording.frames)
        yield recording


def _recording_of(segment: SegmentPoses) -> str:
    return segment.segment.video.video_id


class _Window(beam.DoFn):
    WAITING = BagStateSpec("waiting", PickleCoder())
    OPEN = ReadModifyWriteStateSpec("open", PickleCoder())

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self._metrics = StageMetrics("repetitions")

    def process(
        self,
        element: tuple[str, SegmentPoses],
        waiting: Any = beam.DoFn.StateParam(WAITING),
        open_: Any = beam.DoFn.StateParam(OPEN),
    ) -> Iterator[Recording]:
        _, arrived = element
        self._metrics.came()
        kept: OpenRecording | None = open_.read()
        recording = kept or OpenRecording()
        if arrived.segment.index != recording.next_index:
            waiting.add(arrived)
            self._metrics.add("held", 1)
            if kept is None:
                open_.write(recording)
                self._metrics.add("recordings", 1)
            return
        early: Iterable[SegmentPoses] = waiting.read()
        line = {segment.segment.index: segment for segment in (*early, arrived)}
        released = 0
        while segment := line.pop(recording.next_index, None):
            with self._metrics.timed():
                held = read_people(segment.path) if segment.path else None
                recording = release(recording, segment, held)
            released += 1
            if recording.next_index == segment.segment.count:
                self._metrics.add("held", 1 - released)
                self._metrics.add("recordings", -(kept is not None))
                waiting.clear()
                open_.clear()
                with self._metrics.timed():
                    closed = close(recording, segment, self._subjects)
                self._metrics.went()
                yield closed
                return
        open_.write(recording)
        self._metrics.add("recordings", int(kept is None))
        if released > 1:
            self._metrics.add("held", 1 - released)
            waiting.clear()
            for segment in line.values():
                waiting.add(segment)
