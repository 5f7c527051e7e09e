"""Wiring of stage 2: videos in, segments out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass, field

import apache_beam as beam

from repscore.transforms.metrics import StageMetrics
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.records import PoseConfig, Segment, Video


@dataclass
class PlanSegments(beam.PTransform[Video, Segment]):
    """Probe every input and cut it into segments of about `PoseConfig.segment_s`.

    Videos are cut at keyframes, keypoints where frames follow. An input that cannot be processed
    is one segment whose video carries the failure.
    """

    poses: PoseConfig = field(default_factory=PoseConfig)

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[Segment]:
        """Probe, cut, and spread the segments."""
        return (
            videos
            | "Probe and cut" >> beam.ParDo(_Plan(self.poses)).with_output_types(Segment)
            | "Spread" >> beam.Reshuffle()
        )


class _Plan(beam.DoFn):
    def __init__(self, poses: PoseConfig) -> None:
        self._poses = poses
        self._metrics = StageMetrics("plan")

    def process(self, element: Video) -> Iterator[Segment]:
        self._metrics.count_in()
        with self._metrics.timed():
            segments = plan_segments(element, self._poses)
        for segment in segments:
            self._metrics.count_out(failed=segment.video.failure is not None)
            yield segment
