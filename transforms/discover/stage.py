"""Wiring of stage 1: names of inputs in, videos out, once or for as long as they come."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import PBegin, TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from repscore.transforms.discover.changes import Changes, Unchanged, in_groups
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.discover.watch import watch_of
from repscore.transforms.records import Video
from repscore.transforms.streams.stage import GatherStreams


@dataclass
class DiscoverVideos(beam.PTransform[None, Video]):
    """The videos behind files, folders, globs and URLs, each content once with all its names.

    Knows no dataset, so everything is new. Raises InputNotFound for an input that names nothing.
    """

    inputs: Sequence[str]

    def expand(self, begin: PBegin) -> beam.PCollection[Video]:
        """List, fingerprint, and spread what was found."""
        return (
            begin
            | "Inputs" >> beam.Create([tuple(self.inputs)])
            | "List" >> beam.FlatMap(_discover).with_output_types(Video)
            | "Spread" >> beam.Reshuffle()
        )


def _discover(inputs: Sequence[str]) -> Iterator[Video | Unchanged]:
    everything = Changes({}, config="")(list_inputs(inputs))
    for videos, _ in in_groups(everything, most=2**31):
        yield from videos


def at_arrival(video: Video) -> TimestampedValue:
    """A video at its event time: when it arrived at its source, now where that does not say."""
    arrived_at = video.arrived_at
    return TimestampedValue(video, arrived_at.timestamp() if arrived_at else time.time())


@dataclass
class WatchVideos(beam.PTransform[None, Video]):
    """The videos of a `Watch` as they arrive, until it is over; it lives in this process.

    Streams of keypoints come as the finite recordings that they are cut into, whose chunks without
    times have `keypoints_fps`.
    """

    name: str
    keypoints_fps: float = 30.0

    def expand(self, begin: PBegin) -> beam.PCollection[Video]:
        """Poll, and spread what was found."""
        come: Any = (
            begin
            | "Watch" >> beam.Create([self.name])
            | "Poll" >> beam.ParDo(_Poll()).with_outputs("chunks", main="videos")
        )
        recordings = come.chunks | "Streams" >> GatherStreams(self.keypoints_fps)
        return (come.videos, recordings) | beam.Flatten() | "Spread" >> beam.Reshuffle()


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
        watch = watch_of(element)
        if watch.over():
            tracker.try_claim(_POLLS.stop - 1)
            return
        if tracker.try_claim(tracker.current_restriction().start):
            videos, chunks, instant_s = watch.poll()
            yield from videos
            for chunk in chunks:
                yield TaggedOutput("chunks", TimestampedValue(chunk, chunk.arrived_s))
            now = watermark.current_watermark()
            if instant_s is not None and (now is None or Timestamp.of(instant_s) > now):
                watermark.set_watermark(Timestamp.of(instant_s))
            tracker.defer_remainder(Duration.of(watch.every_s))
