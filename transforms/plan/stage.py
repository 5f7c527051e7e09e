"""Wiring of stage 2: videos in, segments out; a video that cannot be planned is a tombstone."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import apache_beam as beam

from repscore.transforms.discover.sources import InputNotFound, list_inputs
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.plan.probe import ProbeError, probe
from repscore.transforms.plan.segments import keyframe_times, plan, wanted_cuts
from repscore.transforms.records import Failure, Segment, SegmentPoses, Video

_EXPECTED: Final = (ProbeError, InputNotFound, OSError)


class InputChanged(OSError):
    """A file is another one than when it was listed."""


@dataclass
class PlanSegments(beam.PTransform[Video, Segment | SegmentPoses]):
    """Probe every video and cut it at keyframes into segments of about `segment_s`."""

    pose_version: str
    segment_s: float

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[Segment | SegmentPoses]:
        """One ParDo."""
        return videos | "Probe and cut" >> beam.ParDo(_Plan(self.pose_version, self.segment_s))


class _Plan(beam.DoFn):
    def __init__(self, pose_version: str, segment_s: float) -> None:
        self._pose_version, self._segment_s = pose_version, segment_s
        self._metrics = StageMetrics("plan")

    def process(self, element: Video) -> Iterator[Segment | SegmentPoses]:
        self._metrics.came()
        failure = element.failure
        segments: tuple[Segment, ...] = ()
        with self._metrics.timed():
            try:
                if failure is None:
                    segments = segments_of(element, self._segment_s)
            except _EXPECTED as error:
                kind = type(error).__name__
                failure = Failure(element.uri, element.video_id, "probe", kind, str(error))
        if failure is None:
            for segment in segments:
                self._metrics.went()
                yield segment
        else:
            self._metrics.went(failed=True)
            yield tombstone_of(element, failure, self._pose_version)


def segments_of(video: Video, segment_s: float) -> tuple[Segment, ...]:
    """The segments of a video, if it is still the one that was listed.

    Raises ProbeError, InputNotFound or another OSError.
    """
    (now,) = list_inputs([video.location])
    if now.stamp != video.stamp_of_location():
        raise InputChanged(f"{video.location}: changed while the run was on; run again to take it")
    probed = probe(video.location)
    wanted_s = wanted_cuts(probed, segment_s)
    keyframes = keyframe_times(video.location, wanted_s) if wanted_s else []
    return plan(video, probed, segment_s, keyframes)


def tombstone_of(video: Video, failure: Failure, pose_version: str) -> SegmentPoses:
    """The one segment of a video that could not even be planned."""
    whole = Segment(video, 0, 1, 0.0, float("inf"), None)
    return SegmentPoses(whole, pose_version, None, failures=(failure,))
