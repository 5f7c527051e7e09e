"""Wiring of stages 2 and 3: videos in, references to pose files out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue

from repscore.transforms.metrics import StageMetrics
from repscore.transforms.plan.stage import PlanSegments
from repscore.transforms.pose.crew import PoolConfig
from repscore.transforms.pose.pool import shared_pool
from repscore.transforms.records import PoseConfig, Segment, SegmentPoses, Video


@dataclass
class ExtractPoses(beam.PTransform[Video, SegmentPoses]):
    """Plan the segments of every video and extract the poses of each, once.

    A segment whose pose file is in the store is not decoded again. Extraction is idempotent: the
    file's name follows from the content and the configuration, and is put in place whole.
    """

    root: str
    poses: PoseConfig = field(default_factory=PoseConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[SegmentPoses]:
        """Plan, spread, extract."""
        return (
            videos
            | "Plan" >> PlanSegments(self.poses)
            | "Spread" >> beam.Reshuffle()
            | "Extract"
            >> beam.ParDo(_Extract(self.root, self.poses, self.pool)).with_output_types(
                SegmentPoses
            )
        )


class _Extract(beam.DoFn):
    """Hands segments to the pool and drains it at the end of the bundle."""

    def __init__(self, root: str, poses: PoseConfig, pool: PoolConfig) -> None:
        self._root, self._poses, self._pool_config = root, poses, pool
        self._metrics = StageMetrics("pose")

    def setup(self) -> None:
        self._pool = shared_pool(self._poses, self._root, self._pool_config)

    def start_bundle(self) -> None:
        self._pending: deque[tuple[Future[SegmentPoses], WindowedValue]] = deque()

    def process(
        self,
        element: Segment | SegmentPoses,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[SegmentPoses | WindowedValue]:
        self._metrics.came()
        if isinstance(element, SegmentPoses):  # the tombstone of a video that cannot be planned
            self._metrics.went(failed=True)
            yield element
        else:
            place = WindowedValue(None, timestamp, (window,))
            self._pending.append((self._pool.submit(element), place))
        for _ in range(len(self._pending)):
            future, place = self._pending.popleft()
            if future.done():
                yield self._out(future, place)
            else:
                self._pending.append((future, place))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for future, place in self._pending:
            yield self._out(future, place)

    def _out(self, future: "Future[SegmentPoses]", place: WindowedValue) -> WindowedValue:
        result = future.result()
        self._metrics.went(failed=result.path is None)
        return place.with_value(result)
