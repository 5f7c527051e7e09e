"""Wiring of stage 3: segments in, references to pose files out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.windowed_value import WindowedValue

from repscore.transforms.metrics import StageMetrics
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.pools import shared_pool
from repscore.transforms.pose.segment_pool import SegmentPool
from repscore.transforms.pose.shared_pool import SharedPool, hold_pool, release_pool
from repscore.transforms.pose.version import estimated_version
from repscore.transforms.records import PoseConfig, Segment, SegmentPoses

_LOOK_S: Final = 0.25


@dataclass
class ExtractPoses(beam.PTransform[Segment, SegmentPoses]):
    """Extract the poses of each segment, once; `poses` are those of `PlanSegments`.

    A segment whose pose file is in the store is not decoded again. Extraction is idempotent: the
    file's name follows from the content and the configuration, and is put in place whole.

    `by_timer` is for runners that fire timers in real time: they hold few bundles at once, so that
    one which waits for its actor would starve a larger pool. There a segment is handed over, its
    bundle ends, and timers look for the result. Without it, a bundle hands over all its segments
    and waits for them.

    `remote` is for workers of Beam in other processes than the one that builds the graph: those of
    one machine share a Ray and a pool, which end with them. Without it the pool is this process's.
    """

    root: str
    poses: PoseConfig = field(default_factory=PoseConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    by_timer: bool = False
    remote: bool = False

    def expand(self, segments: beam.PCollection[Segment]) -> beam.PCollection[SegmentPoses]:
        """One ParDo, keyed by segment where it has timers."""
        version = estimated_version(self.poses) if self.remote else None
        arguments = (self.root, self.poses, self.pool, version)
        if not self.by_timer:
            extract = beam.ParDo(_Extract(*arguments)).with_output_types(SegmentPoses)
            return segments | "Extract" >> extract
        extract = beam.ParDo(_HandOver(*arguments)).with_output_types(SegmentPoses)
        return segments | "Key by segment" >> beam.WithKeys(name_of) | "Extract" >> extract


class _InPool(beam.DoFn):
    """Has a pool between `setup` and `teardown`."""

    _pool: SegmentPool

    def __init__(
        self, root: str, poses: PoseConfig, config: PoolConfig, version: str | None
    ) -> None:
        """Make one for other machines, where `version` is that of the run's poses, or for here."""
        self._configuration = (poses, root, config)
        self._version = version
        self._metrics = StageMetrics("pose")

    def setup(self) -> None:
        of, version = self._configuration, self._version
        self._pool = shared_pool(*of) if version is None else hold_pool(*of, version)

    def teardown(self) -> None:
        if isinstance(self._pool, SharedPool):
            release_pool(self._pool)


class _Extract(_InPool):
    """Hands segments to the pool and drains it at the end of the bundle."""

    def start_bundle(self) -> None:
        self._pool.take_turn()
        self._pending: deque[tuple[Future[SegmentPoses], WindowedValue]] = deque()

    def process(
        self,
        element: Segment,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[WindowedValue]:
        self._metrics.count_in()
        place = WindowedValue(None, timestamp, (window,))
        self._pending.append((self._pool.submit(element), place))
        for _ in range(len(self._pending)):
            future, place = self._pending.popleft()
            if future.done():
                yield self._out(future, place)
            else:
                self._pending.append((future, place))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        self._pool.end_turn()
        for future, place in self._pending:
            yield self._out(future, place)

    def _out(self, future: "Future[SegmentPoses]", place: WindowedValue) -> WindowedValue:
        result = future.result()
        _count(self._metrics, result, self._pool.actors)
        return place.with_value(result)


class _HandOver(_InPool):
    """Hands a segment to the pool and looks for its poses from time to time.

    A segment is its own key. Its state is cleared when its poses leave; how many have state is
    the counter `held`. `submit` blocks while the pool has enough to do, and holds back the runner
    with it.
    """

    PENDING = ReadModifyWriteStateSpec("pending", PickleCoder())
    LOOK = TimerSpec("look", TimeDomain.REAL_TIME)

    def process(
        self,
        element: tuple[str, Segment],
        pending: Any = beam.DoFn.StateParam(PENDING),
        look: Any = beam.DoFn.TimerParam(LOOK),
        timestamp: Any = beam.DoFn.TimestampParam,
    ) -> Iterator[SegmentPoses]:
        key, segment = element
        self._metrics.count_in()
        if (result := self._pool.collect(key, segment)) is not None:
            _count(self._metrics, result, self._pool.actors)
            yield result
        else:
            pending.write((segment, timestamp))
            self._metrics.add("held", 1)
            look.set(time.time() + _LOOK_S)

    @on_timer(LOOK)
    def look(
        self,
        key: Any = beam.DoFn.KeyParam,
        pending: Any = beam.DoFn.StateParam(PENDING),
        look: Any = beam.DoFn.TimerParam(LOOK),
    ) -> Iterator[TimestampedValue]:
        segment, timestamp = pending.read()
        result = self._pool.collect(key, segment)
        if result is None:
            look.set(time.time() + _LOOK_S)
            return
        pending.clear()
        self._metrics.add("held", -1)
        _count(self._metrics, result, self._pool.actors)
        yield TimestampedValue(result, timestamp)


def name_of(segment: Segment) -> str:
    """Names a segment among all that are in progress."""
    return f"{segment.video.video_id}-{segment.index}"


def _count(metrics: StageMetrics, result: SegmentPoses, actors: int) -> None:
    """Count a finished segment: what `PoseFigures` of a run are made of."""
    metrics.count_out(failed=result.path is None)
    metrics.add("size_bytes", result.segment.video.size_bytes // result.segment.count)
    if result.busy_s:
        now_us, busy_us = round(1e6 * time.time()), round(1e6 * result.busy_s)
        metrics.add("frames", result.frames)
        metrics.add("decoded_microseconds", round(1e6 * result.decoded_s))
        metrics.add("microseconds", busy_us)
        metrics.note("worked", now_us - busy_us, now_us)
        metrics.note("actors", actors)
    elif result.path is not None:
        metrics.add("reused", 1)
