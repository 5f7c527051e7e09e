"""A pool of Ray actors that turn segments into pose files, and survives what they do not."""

import queue
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from repscore.models.estimator import DeviceFault, Unavailable
from repscore.transforms.cluster import ray_ended, within
from repscore.transforms.errors import DatasetUnusable
from repscore.transforms.files import absolute
from repscore.transforms.keypoints.names import is_keypoints
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.pose.gauges import WorkerGauges
from repscore.transforms.pose.placement import lack_of, plan_now, start_cluster
from repscore.transforms.pose.pool_jobs import ATTEMPTS, Job, blame, has_room
from repscore.transforms.pose.pool_plan import PoolConfig, PoolPlan
from repscore.transforms.pose.segment_pool import SegmentPool
from repscore.transforms.pose.streams import StreamsStatus, most_open
from repscore.transforms.pose.version import estimated_version, pose_version
from repscore.transforms.pose.worker import Worker, stored, take_keypoints, tombstone
from repscore.transforms.processes import ENDING
from repscore.transforms.records import Failure, PoseConfig, Segment, SegmentPoses, failure_of

_TICK_S: Final = 0.5
_DEVICE_FAULTS: Final = 12
"""So many in a row are the device's fault: halving finds one segment among 64 in fewer."""
_GROW_S: Final = 15.0
_KILL_S: Final = 10.0
_CLOSE_S: Final = 30.0
_START_S: Final = 10.0
"""What Ray and its actors take to start, on two cores."""
_CALL_S: Final = 0.01
"""What it costs to have an actor read a segment of keypoints; a second of them costs as much."""


class PoolBroken(DatasetUnusable):
    """The actors cannot work at all, so that no segment can be blamed."""


@dataclass(eq=False)
class _Actor:
    status: StreamsStatus
    handle: Any = None
    ready: bool = False
    starts: int = 0
    why: str = ""  # the last start failed
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class _Done:
    """A Ray call of an actor returned: the extraction of `job`, or, without one, `status`.

    The first return of an actor says that it has started.
    """

    actor: _Actor
    handle: Any
    reference: Any
    job: Job | None


class PosePool(SegmentPool):
    """Segments in, futures of finished segments out.

    As many segments wait as the actors hold: `submit` blocks beyond that. A segment that is alone
    in its actor and ends it (death, fault of its device, time limit) waits beside the others for
    one more try on a fresh one, then is quarantined: its future holds a tombstone. Of several in an
    actor nobody is blamed: they go on in companies of half the size, down to one. Only `PoolBroken`
    is raised, where no actor can start, where none was ready for `start_timeout_s`, where devices
    fail whatever they are given, and where Ray itself ended: so every future comes to its end.
    Fewer actors than planned may be placed: those that are there work. Where their number is not
    given, more are started as nodes join the cluster.

    `version` is that of the run's poses, which each worker compares with what it would compute;
    without it, what this machine would compute.

    Thread-safe. Ray starts with the first segment, so that a run without work stays cheap.
    """

    def __init__(
        self, poses: PoseConfig, root: str, config: PoolConfig, version: str | None = None
    ) -> None:
        super().__init__()
        # Ray's workers stay in the folder where Ray was started.
        self._root = absolute(root)
        self._poses, self._config = poses, config
        self._version = version or estimated_version(poses)
        elsewhere = version is not None or config.ray_address is not None
        self._release = config.release if elsewhere else None
        self._events: queue.SimpleQueue[Job | _Done | None] = queue.SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._actors: list[_Actor] = []
        self._plan = PoolPlan(0, 0.0, 0.0, 1)
        self._faults = 0
        self._grown_s = 0.0
        self._ready_s = 0.0
        self._lock = threading.Lock()
        self._room = threading.Semaphore(0)
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._broken: PoolBroken | None = None
        self._finished = PoseFigures()
        self._read_s = 0.0

    def submit(self, segment: Segment) -> "Future[SegmentPoses]":
        """A future of the segment's poses; blocks while too many segments wait.

        A segment whose pose file is in the store, and one that cannot be processed, is finished at
        once, without Ray; so are keypoints, until reading them has cost what Ray's start would.
        """
        job = Job(segment)
        if (result := stored(self._root, self._version_of(segment), segment)) is not None:
            self._resolve(job, result)
            return job.future
        if self._reads_here(segment):
            result = take_keypoints(self._poses, self._root, segment)
            self._read_s += max(0.0, result.busy_s - _CALL_S)
            self._resolve(job, result)
            return job.future
        with self._lock:
            if self._thread is None:
                if self._broken is not None:
                    raise self._broken
                try:
                    self._start()
                except Unavailable as error:
                    self._broken = PoolBroken(str(error))
                    raise
        self._room.acquire()  # the manager makes room, or breaks the pool
        self._events.put(job)
        if self._broken is not None:
            self._room.release()  # for the next caller that waits
            raise self._broken
        return job.future

    def take_turn(self) -> None:
        """See `SegmentPool`; raises PoolBroken."""
        while not self._turn.acquire(timeout=_TICK_S):
            if self._broken is not None:
                raise self._broken

    def end_turn(self) -> None:
        """See `SegmentPool`."""
        self._turn.release()

    @property
    def broken(self) -> PoolBroken | None:
        """Why it takes no more segments."""
        return self._broken

    @property
    def actors(self) -> int:
        """See `SegmentPool`."""
        return self._plan.actors

    def _reads_here(self, segment: Segment) -> bool:
        """Whether this process takes a segment: keypoints, while that is cheaper than actors."""
        waits = self._thread is None and self._read_s < _START_S
        return waits and is_keypoints(segment.video.location)

    def _version_of(self, segment: Segment) -> str:
        return pose_version(self._poses, segment.video, self._version)

    def status(self) -> PoseFigures:
        """A snapshot for display, on the monotonic clock."""
        actors = tuple(self._actors)
        return replace(
            self._finished,
            actors=len(actors),
            waiting=len(self._waiting),
            frames=self._finished.frames + sum(actor.status.frames for actor in actors),
            workers=tuple(actor.status for actor in actors),
        )

    def close(self) -> None:
        """Stop the actors; segments still unfinished get PoolBroken."""
        self._broken = self._broken or PoolBroken("the pose pool was closed")
        if self._thread is not None:
            self._events.put(None)
            self._thread.join(_CLOSE_S)  # it may be in a call of a Ray that does not answer

    def _start(self) -> None:
        self._plan = start_cluster(self._poses.device, self._config)
        self._gauges = WorkerGauges()
        self._ready_s = self._grown_s = time.monotonic()
        self._add_actors()
        self._thread = threading.Thread(target=self._manage, name="pose-pool", daemon=True)
        self._thread.start()

    def _add_actors(self) -> None:
        """As many as the plan says."""
        streams = self._plan.streams
        for _ in range(self._plan.actors - len(self._actors)):
            self._room.release(most_open(streams))
            self._actors.append(_Actor(StreamsStatus(streams)))
            self._start_actor(self._actors[-1])

    def _start_actor(self, actor: _Actor) -> None:
        plan = self._plan
        remote: Any = ray.remote(Worker).options(
            num_cpus=plan.cpus,
            num_gpus=plan.gpus,
            max_concurrency=most_open(plan.streams) + 1,  # one more reports what was done
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        run = (self._version, self._release, plan.streams, self._config.decode)
        actor.handle = remote.remote(self._poses, self._root, *run)
        actor.ready, actor.jobs, actor.status = False, [], StreamsStatus(plan.streams)
        self._call(actor, actor.handle.status.remote(), None)

    def _manage(self) -> None:
        next_tick_s = time.monotonic()
        try:
            while True:
                try:
                    event = self._events.get(timeout=_TICK_S)
                except queue.Empty:
                    pass
                else:
                    if event is None:
                        break
                    if ENDING.is_set():
                        continue
                    self._handle(event)
                self._dispatch()
                if time.monotonic() >= next_tick_s:
                    next_tick_s = time.monotonic() + _TICK_S
                    self._tick()
            self._stop(PoolBroken("the pose pool was closed"))
        except PoolBroken as error:
            self._stop(error)
        except Exception as error:
            self._stop(PoolBroken(f"the pose pool stopped: {type(error).__name__}: {error}"))

    def _handle(self, event: Job | _Done) -> None:
        if isinstance(event, Job):
            self._waiting.append(event)
        elif event.handle is not event.actor.handle:
            return  # from an actor that was replaced
        elif event.job is not None:
            self._finish(event.actor, event.job, event.reference)
        else:
            self._note_status(event.actor, event.reference)

    def _note_status(self, actor: _Actor, reference: Any) -> None:
        """A return of `status`."""
        try:
            actor.status = ray.get(reference)
        except RayActorError as error:
            if actor.ready:
                return  # the extractions that died with it return by themselves
            actor.starts += 1
            words = str(error).strip()
            # Ray may say of one that it was cancelled, without its node and reason.
            if "ip=" in words or not actor.why:
                actor.why = words.splitlines()[-1] + self._node_of(error)
            if actor.starts >= ATTEMPTS:
                reason = ray_ended() or actor.why
                raise PoolBroken(f"no pose worker can start: {reason}") from error
            self._start_actor(actor)
        else:
            actor.ready, actor.starts = True, 0
            self._gauges.set(self._actors.index(actor), actor.status)

    def _dispatch(self) -> None:
        """Give what waits to the actors, in order, each to the one that holds the fewest."""
        while self._waiting:
            job = self._waiting[0]
            actors = [
                actor
                for actor in self._actors
                if actor.ready and has_room(actor.jobs, actor.status.places, job)
            ]
            if not actors:
                return
            self._waiting.popleft()
            if not job.started:
                job.started = True
                self._room.release()
            actor = min(actors, key=lambda actor: len(actor.jobs))
            actor.jobs.append(job)
            job.deadline_s = time.monotonic() + self._config.segment_timeout_s
            self._call(actor, actor.handle.extract.remote(job.segment), job)

    def _call(self, actor: _Actor, reference: Any, job: Job | None) -> None:
        done = _Done(actor, actor.handle, reference, job)
        reference.future().add_done_callback(lambda _: self._events.put(done))

    def _finish(self, actor: _Actor, job: Job, reference: Any) -> None:
        try:
            result: SegmentPoses = ray.get(reference)
        except RayActorError:
            self._lose(actor, "WorkerDied", "ended its worker process (a crash, or out of memory)")
            return
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            if isinstance(cause, DatasetUnusable):
                raise PoolBroken(f"{cause}{self._node_of(error)}") from error
            if isinstance(cause, DeviceFault):
                self._lose_device(actor, cause)
                return
            segment, attempts = job.segment, job.attempts + 1
            failure = failure_of(segment.video, "pose", cause, segment.index, attempts)
            result = tombstone(segment, self._version_of(segment), failure)
        self._faults = 0
        actor.jobs.remove(job)
        # Until the actor reports again, the frames are among its own, too.
        frames = max(0, actor.status.frames - result.frames)
        actor.status = replace(actor.status, frames=frames)
        self._resolve(job, result)

    def _node_of(self, error: Exception) -> str:
        """Where something happened, if that can be elsewhere: Ray keeps it in the text alone."""
        node = re.search(r"\bip=([^,)]+)", str(error)) if self._config.ray_address else None
        return f" (on node {node[1]})" if node else ""

    def _lose_device(self, actor: _Actor, error: DeviceFault) -> None:
        """The process of an actor can no longer use its device."""
        self._faults += 1
        if self._faults >= _DEVICE_FAULTS:
            raise PoolBroken(f"the device of the pose workers fails again and again: {error}")
        ray.kill(actor.handle)
        self._lose(actor, "DeviceFault", f"brought its device to fail ({error})")

    def _lose(self, actor: _Actor, error_class: str, what: str, late: Sequence[Job] = ()) -> None:
        """Replace an actor that has ended; what it held is tried again or quarantined.

        Args:
            late: those past their time limit: nobody else is under suspicion.
        """
        jobs = actor.jobs
        self._start_actor(actor)
        blamed = blame(jobs, late)
        self._waiting.extendleft(job for job in reversed(jobs) if job is not blamed)
        if blamed is not None:
            self._quarantine(blamed, error_class, what)

    def _quarantine(self, job: Job, error_class: str, what: str) -> None:
        message = f"quarantined: {what} {job.attempts} times; `repscore replay` tries it again"
        segment, video = job.segment, job.segment.video
        failure = Failure(
            *(video.uri, video.video_id, "pose", error_class, message),
            segment.index,
            job.attempts,
        )
        self._resolve(job, tombstone(segment, self._version_of(segment), failure))

    def _resolve(self, job: Job, result: SegmentPoses) -> None:
        with self._lock:
            self._finished = self._finished.with_finished(result, time.monotonic())
        job.future.set_result(result)

    def _tick(self) -> None:
        """Kill actors past their deadline, and ask the others for their progress.

        Raises PoolBroken where nothing can go on.
        """
        if ENDING.is_set():
            return
        if (reason := ray_ended()) is not None:
            raise PoolBroken(reason)
        now_s = time.monotonic()
        if any(actor.ready for actor in self._actors):
            self._ready_s = now_s
        elif now_s - self._ready_s > self._config.start_timeout_s:
            raise PoolBroken(lack_of(self._plan, self._config))
        for actor in self._actors:
            late = [job for job in actor.jobs if now_s > job.deadline_s]
            if late:
                ray.kill(actor.handle)
                limit = f"took longer than {self._config.segment_timeout_s:g} s"
                self._lose(actor, "SegmentTimeout", limit, late)
            elif actor.jobs:
                self._call(actor, actor.handle.status.remote(), None)
        if not self._config.actors and now_s - self._grown_s > _GROW_S:
            self._grown_s = now_s
            with suppress(Unavailable):  # nodes are gone for a while: nothing to add
                self._plan = plan_now(self._poses.device, self._config)
                self._add_actors()

    def _stop(self, error: PoolBroken) -> None:
        self._broken = error
        unfinished = [*self._waiting, *(job for actor in self._actors for job in actor.jobs)]
        while not self._events.empty():
            if isinstance(event := self._events.get(), Job):
                unfinished.append(event)
        for job in unfinished:
            job.future.set_exception(error)
        self._room.release()
        with suppress(RayError, TimeoutError):  # they end with Ray, too
            within(_KILL_S, self._kill_actors)

    def _kill_actors(self) -> None:
        for actor in self._actors:
            ray.kill(actor.handle)
