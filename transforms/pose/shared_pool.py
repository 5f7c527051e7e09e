"""One pose pool for all Beam workers that share a Ray: it lives in an actor."""

import asyncio
import hashlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from repscore.models.estimator import Unavailable
from repscore.transforms.cluster import ray_ended, resources_of_nodes
from repscore.transforms.keypoints.names import is_keypoints
from repscore.transforms.machine import enter_ray, leave_ray
from repscore.transforms.pose.pool import PoolBroken, PosePool
from repscore.transforms.pose.pool_plan import PoolConfig, PoolPlan, plan_pool
from repscore.transforms.pose.segment_pool import SegmentPool
from repscore.transforms.pose.streams import most_open
from repscore.transforms.pose.version import pose_version
from repscore.transforms.pose.worker import stored, take_keypoints
from repscore.transforms.records import PoseConfig, Segment, SegmentPoses

_NAMESPACE: Final = "repscore"
_LOOK_S: Final = 0.5
_TRIES: Final = 20
_AGAIN_S: Final = 1.0
_MOST: Final = 256
"""Segments that one worker waits for at once, each in a thread."""


class _Host:
    """The actor: a pool for many callers. It ends with the worker that made it."""

    def __init__(self, poses: PoseConfig, root: str, config: PoolConfig, version: str) -> None:
        self._pool = PosePool(poses, root, config, version)

    async def extract(self, segment: Segment) -> SegmentPoses:
        future = await asyncio.to_thread(self._pool.submit, segment)
        return await asyncio.wrap_future(future)


class SharedPool(SegmentPool):
    """The pool of all workers with this configuration on one Ray: a machine's own, or a cluster.

    The first worker makes it. Where that worker ends, another one makes it again and the others ask
    anew; what was finished is in the store. A worker asks for at most twice as many segments as
    the actors hold, and `submit` blocks beyond that.
    """

    def __init__(self, poses: PoseConfig, root: str, config: PoolConfig, version: str) -> None:
        super().__init__()
        self._of = (poses, root, config, version)
        digest = hashlib.blake2b(repr(self._of).encode(), digest_size=8)
        self._name = f"poses-{digest.hexdigest()}"
        self._plan = PoolPlan(0, 0.0, 0.0, 1)
        self._lock = threading.Lock()
        self._room = threading.Semaphore(0)
        self._threads: ThreadPoolExecutor | None = None
        self._host: Any = None
        self._closed = threading.Event()

    def submit(self, segment: Segment) -> "Future[SegmentPoses]":
        """See `SegmentPool`; it and its futures raise PoolBroken."""
        poses, root, _, estimated = self._of
        version = pose_version(poses, segment.video, estimated)
        result = stored(root, version, segment)
        if result is None and is_keypoints(segment.video.location):
            result = take_keypoints(poses, root, segment)  # workers of Beam are many
        if result is not None:
            future: Future[SegmentPoses] = Future()
            future.set_result(result)
            return future
        with self._lock:
            threads = self._threads or self._start()
        self._room.acquire()
        future = threads.submit(self._extract, segment)
        future.add_done_callback(lambda _: self._room.release())
        return future

    @property
    def actors(self) -> int:
        """See `SegmentPool`."""
        return self._plan.actors

    def close(self) -> None:
        """Leave; nobody waits for a segment of this worker any more."""
        self._closed.set()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._host = None
            leave_ray()

    def _start(self) -> ThreadPoolExecutor:
        poses, _, config, _ = self._of
        try:
            enter_ray(config.ray_address)
        except Unavailable as error:
            raise PoolBroken(str(error)) from error
        try:
            self._plan = plan_pool(poses.device, config, resources_of_nodes())
        except Unavailable as error:
            leave_ray()
            raise PoolBroken(str(error)) from error
        most = min(_MOST, 2 * self._plan.actors * most_open(self._plan.streams))
        self._room.release(most)
        self._threads = ThreadPoolExecutor(most, "poses")
        return self._threads

    def _extract(self, segment: Segment) -> SegmentPoses:
        for _ in range(_TRIES):
            host = self._found()
            reference = host.extract.remote(segment)
            while True:
                try:
                    poses: SegmentPoses = ray.get(reference, timeout=_LOOK_S)
                except GetTimeoutError:
                    if self._closed.is_set():
                        raise PoolBroken("the worker has left the pose pool") from None
                    if (reason := ray_ended()) is not None:
                        raise PoolBroken(reason) from None
                except RayTaskError as error:
                    raise error.cause from error
                except RayActorError:
                    break
                else:
                    return poses
            self._forget(host)
            time.sleep(_AGAIN_S)
        raise PoolBroken(f"the pose pool {self._name} ended {_TRIES} times: does its node run?")

    def _found(self) -> Any:
        with self._lock:
            if self._host is None:
                remote: Any = ray.remote(_Host).options(
                    name=self._name, namespace=_NAMESPACE, get_if_exists=True, num_cpus=0
                )
                self._host = remote.remote(*self._of)
            return self._host

    def _forget(self, host: Any) -> None:
        with self._lock:
            if self._host is host:
                self._host = None


_HELD: dict[tuple[PoseConfig, str, PoolConfig, str], tuple[SharedPool, int]] = {}
_HELD_LOCK = threading.Lock()


def hold_pool(poses: PoseConfig, root: str, config: PoolConfig, version: str) -> SharedPool:
    """This process's share of a pool; each call is for one `release_pool`."""
    key = (poses, root, config, version)
    with _HELD_LOCK:
        pool, holders = _HELD.get(key) or (SharedPool(*key), 0)
        _HELD[key] = (pool, holders + 1)
        return pool


def release_pool(pool: SharedPool) -> None:
    """Close it with its last holder."""
    with _HELD_LOCK:
        key, holders = next((key, held) for key, (ours, held) in _HELD.items() if ours is pool)
        if holders > 1:
            _HELD[key] = (pool, holders - 1)
            return
        del _HELD[key]
    pool.close()
