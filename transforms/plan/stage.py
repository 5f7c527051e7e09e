"""Wiring of stage 2: videos in, segments out; a video that cannot be planned is a tombstone."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import apache_beam as beam

from repscore.transforms.discover.sources import InputNotFound, list_inputs
from repscore.transforms.keypoints.names import kind_of
from repscore.transforms.keypoints.source import probe_keypoints
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.plan.probe import ProbeError, probe
from repscore.transforms.plan.segments import keyframe_times, plan, plan_frames, wanted_cuts
from repscore.transforms.records import Failure, PoseConfig, Segment, SegmentPoses, Video

_EXPECTED: Final = (ProbeError, InputNotFound, OSError)


class InputChanged(OSError):
    """A file is another one than when it was listed."""


@dataclass
class PlanSegments(beam.PTransform[Video, Segment | SegmentPoses]):
    """Probe every input and cut it into segments of about `PoseConfig.segment_s`.

    Videos are cut at keyframes, keypoints where frames follow.
    """

    poses: PoseConfig

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[Segment | SegmentPoses]:
        """One ParDo."""
        return videos | "Probe and cut" >> beam.ParDo(_Plan(self.poses))


class _Plan(beam.DoFn):
    def __init__(self, poses: PoseConfig) -> None:
        self._poses = poses
        self._metrics = StageMetrics("plan")

    def process(self, element: Video) -> Iterator[Segment | SegmentPoses]:
        self._metrics.came()
        failure = element.failure
        segments: tuple[Segment, ...] = ()
        with self._metrics.timed():
            try:
                if failure is None:
                    segments = segments_of(element, self._poses)
            except _EXPECTED as error:
                kind = type(error).__name__
                failure = Failure(element.uri, element.video_id, "probe", kind, str(error))
        if failure is None:
            for segment in segments:
                self._metrics.went()
                yield segment
        else:
            self._metrics.went(failed=True)
            yield tombstone_of(element, failure, self._poses.version_of(element))


def segments_of(video: Video, poses: PoseConfig) -> tuple[Segment, ...]:
    """The segments of an input, if it is still the one that was listed.

    Raises ProbeError, InputNotFound or another OSError.
    """
    if kind_of(video.location) != "stream":  # its chunks are settled before it has a name
        (now,) = list_inputs([video.location])
        if now.stamp != video.stamp_of_location():
            raise InputChanged(
                f"{video.location}: changed while the run was on; run again to take it"
            )
    if kind_of(video.location) != "video":
        probed, time_s = probe_keypoints(video.location, poses.keypoints_fps)
        return plan_frames(video, probed, poses.segment_s, time_s)
    probed = probe(video.location)
    wanted_s = wanted_cuts(probed, poses.segment_s)
    keyframes = keyframe_times(video.location, wanted_s) if wanted_s else []
    return plan(video, probed, poses.segment_s, keyframes)


def tombstone_of(video: Video, failure: Failure, pose_version: str) -> SegmentPoses:
    """The one segment of a video that could not even be planned."""
    whole = Segment(video, 0, 1, 0.0, float("inf"), None)
    return SegmentPoses(whole, pose_version, None, failures=(failure,))
