"""One estimator for many streams: the frames that are due of all of them make one step.

Each stream is decoded by a thread of its own, which waits while it is some frames ahead. One thread
takes the frame that is due of every open stream and makes one step of the estimator for all of
them. As a stream ends, another takes its place.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import (
    BatchEstimator,
    DeviceFault,
    OutOfMemory,
    People,
    PoseEstimator,
    Unavailable,
)
from repscore.transforms.video.picture import Frame

_AHEAD: Final = 2
"""Decoded frames that wait per stream: one is worked on, one is ready when its turn comes."""
_PATIENCE_S: Final = 0.5
"""How long a step waits for streams that were in the last one: more than a seek takes, less than
what anybody notices. A stream that is late is not waited for again before its next frame."""
_SPARE: Final = 8
"""One more stream than places is open for so many places, so that none is empty while a file is
opened."""

TimedPeople = tuple[float, People]


@dataclass(frozen=True, slots=True)
class StreamsStatus:
    """What a worker has done so far.

    Attributes:
        places: frames in the largest batch that is tried now.
        streams: open now.
        frames: estimated in streams that are open now, warm-up excluded.
        steps, stepped: number of steps, and of the frames in them.
        decode_s: seconds spent on waiting for frames.
        copy_s: on bringing pixels to a device.
        compute_s: on waiting for the device.
        step_s: in steps altogether.
    """

    places: int
    streams: int = 0
    frames: int = 0
    steps: int = 0
    stepped: int = 0
    decode_s: float = 0.0
    copy_s: float = 0.0
    compute_s: float = 0.0
    step_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """What limits the worker: the mean batch, and shares of its time.

        `decode` is spent on waiting for frames, `copy` on bringing pixels to a device, `device` on
        waiting for it, `rest` on everything else in a step: on a CPU that is all of it.
        """
        whole_s = max(self.decode_s + self.step_s, 1e-9)
        rest_s = self.step_s - self.copy_s - self.compute_s
        shares = {"decode": self.decode_s, "copy": self.copy_s, "device": self.compute_s}
        return {
            "streams": self.places,
            "batch": round(self.stepped / max(1, self.steps), 2),
        } | {name: round(s / whole_s, 3) for name, s in (shares | {"rest": rest_s}).items()}


@dataclass(eq=False)
class OpenStream:
    """A stream that is being estimated; the thread that decodes it calls `put`, then `people`."""

    _lock: threading.Lock
    _arrived: threading.Condition
    memory: Any = None
    begun: bool = False
    waiting: deque[Frame] = field(default_factory=deque)
    in_step: bool = False
    in_last_step: bool = False
    error: Exception | None = None
    seen: list[TimedPeople] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moved = threading.Condition(self._lock)  # its own: a step wakes no other thread

    def put(self, frame: Frame) -> None:
        """Give the next frame; waits while too many wait. Raises what went wrong with others."""
        with self._lock:
            self.moved.wait_for(lambda: len(self.waiting) < _AHEAD or self.error is not None)
            if self.error is not None:
                raise self.error
            self.waiting.append(frame)
            if len(self.waiting) == 1:
                self._arrived.notify()

    def people(self) -> Sequence[TimedPeople]:
        """Time and people of every frame but those of the warm-up, when all are estimated."""
        with self._lock:
            self.in_last_step = False  # no frame of it is waited for
            self._arrived.notify()
            self.moved.wait_for(lambda: self.is_done or self.error is not None)
            if self.error is not None:
                raise self.error
            return self.seen

    @property
    def is_done(self) -> bool:
        """Whether all frames that were given are estimated."""
        return not (self.waiting or self.in_step)

    @property
    def is_due(self) -> bool:
        """Whether a frame can go into the next step."""
        return bool(self.waiting) and self.error is None

    @property
    def is_late(self) -> bool:
        """Whether it was in the last step and its next frame is not there."""
        return self.in_last_step and not self.waiting and self.error is None


class Streams:
    """Follows people in up to `places` streams at once.

    A frame with which the estimator fails ends its stream alone. A batch that is too large for the
    device is halved, and so are all that follow. A DeviceFault ends all streams, and whatever is
    opened later. An estimator that hangs keeps all of them waiting, until the pool's time limit for
    a segment ends the process.

    Raises Unavailable for several places where the estimator follows one stream at a time.
    """

    def __init__(self, estimator: PoseEstimator | BatchEstimator, places: int = 1) -> None:
        self._estimator = _in_batches(estimator, places)
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._open: list[OpenStream] = []
        self._fault: DeviceFault | None = None
        self._places = places
        self._steps = self._stepped = 0
        self._decode_s = self._step_s = 0.0
        threading.Thread(target=self._run, name="streams", daemon=True).start()

    @contextmanager
    def open(self) -> Iterator[OpenStream]:
        """A new stream, until the end of the context."""
        stream = OpenStream(self._lock, self._arrived)
        with self._lock:
            stream.error = self._fault
            self._open.append(stream)
        try:
            yield stream
        finally:
            with self._lock:
                self._open.remove(stream)
                self._arrived.notify()

    def status(self) -> StreamsStatus:
        """What was done so far."""
        copy_s, compute_s = self._estimator.device_s()
        with self._lock:
            return StreamsStatus(
                *(self._places, len(self._open), sum(len(stream.seen) for stream in self._open)),
                *(self._steps, self._stepped, self._decode_s, copy_s, compute_s, self._step_s),
            )

    def _run(self) -> None:
        while True:
            begun_s = time.perf_counter()
            with self._lock:
                batch = self._due()
                frames = [stream.waiting.popleft() for stream in batch]
                for stream in self._open:
                    stream.in_step = stream.in_last_step = False
                for stream in batch:
                    stream.in_step = stream.in_last_step = True
                    stream.moved.notify()
            ready_s = time.perf_counter()
            results = self._step(batch, frames)
            with self._lock:
                for stream, frame, result in zip(batch, frames, results, strict=True):
                    stream.in_step = False
                    if isinstance(result, Exception):
                        stream.error = result
                        continue
                    stream.memory, people = result
                    if not frame.warm_up:
                        stream.seen.append((frame.time_s, people))
                self._steps, self._stepped = self._steps + 1, self._stepped + len(batch)
                self._decode_s += ready_s - begun_s
                self._step_s += time.perf_counter() - ready_s
                for stream in batch if self._fault is None else self._open:
                    stream.error = stream.error or self._fault
                    stream.moved.notify()

    def _due(self) -> list[OpenStream]:
        """The streams of the next step, the oldest first; waits until there are some."""

        def due() -> list[OpenStream]:
            return [stream for stream in self._open if stream.is_due]

        def is_full() -> bool:
            return len(due()) >= self._places or not any(s.is_late for s in self._open)

        while True:
            self._arrived.wait_for(due)
            self._arrived.wait_for(is_full, _PATIENCE_S)
            if batch := due()[: self._places]:
                return batch

    def _step(
        self, batch: Sequence[OpenStream], frames: Sequence[Frame]
    ) -> list[tuple[Any, People] | Exception]:
        """The new memory and the people of each stream, or why there are none."""
        try:
            for stream in batch:
                if not stream.begun:
                    stream.memory, stream.begun = self._estimator.begin(), True
            memories, people = self._estimator.step(
                [stream.memory for stream in batch],
                [frame.bgr for frame in frames],
                [frame.time_s for frame in frames],
            )
            return list(zip(memories, people, strict=True))
        except DeviceFault as error:
            self._fault = error
            return [error] * len(batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            half = len(batch) // 2
            if isinstance(error, OutOfMemory):
                self._places = half
            # A step changes no memory: it may be taken again.
            return [
                *self._step(batch[:half], frames[:half]),
                *self._step(batch[half:], frames[half:]),
            ]


def most_open(places: int) -> int:
    """How many streams are to be open for so many places."""
    return places + places // _SPARE


@dataclass(eq=False)
class _OneAtATime:
    """A `BatchEstimator` of one that follows a single stream; the memory is in the estimator."""

    estimator: PoseEstimator

    def begin(self) -> None:
        self.estimator.start()

    def step(
        self,
        streams: Sequence[None],
        frames_bgr: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[float],
    ) -> tuple[list[None], list[People]]:
        (memory,), (frame,), (time_s,) = streams, frames_bgr, times_s
        return [memory], [self.estimator.track(frame, time_s)]

    def device_s(self) -> tuple[float, float]:
        return 0.0, 0.0


def _in_batches(estimator: Any, places: int) -> Any:
    if hasattr(estimator, "step"):
        return estimator
    if places > 1:
        raise Unavailable(
            f"--streams-per-actor {places}: {type(estimator).__name__} follows one stream at a "
            "time; leave the option out, or use --estimator blazepose"
        )
    return _OneAtATime(estimator)
