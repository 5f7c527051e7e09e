"""Estimators for tests, and processes that fail; the colour of a frame decides what happens."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import DeviceFault, EstimatorConfig, OutOfMemory, People

_DEFAULT = EstimatorConfig()


class Brightness:
    """Finds one person, all of whose landmarks lie at the frame's mean brightness."""

    topology = "blazepose33"

    def __init__(self, config: EstimatorConfig = _DEFAULT) -> None:
        self.identity = self.identity_of(config)

    @classmethod
    def identity_of(cls, config: EstimatorConfig) -> Mapping[str, str]:
        return {"estimator": cls.__name__, "model": config.model}

    @classmethod
    def require(cls, config: EstimatorConfig) -> None:
        pass

    def start(self) -> None:
        pass

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        level = np.float32(frame_bgr.mean())
        return People(
            person=np.zeros(1, np.int32),
            image_px=np.full((1, 33, 3), level, np.float32),
            world_m=np.full((1, 33, 3), level / 255, np.float32),
            visibility=np.ones((1, 33), np.float32),
        )

    def close(self) -> None:
        pass


class ArmRaiser(Brightness):
    """Finds one person who raises both arms from the hips overhead and back, in 2 s each."""

    def start(self) -> None:
        """Leave a trace of node (its raylet), process and stream; wait until others have, too."""
        if "FAKES_TRACE" not in os.environ:
            return
        folder, limit_s = Path(os.environ["FAKES_TRACE"]), time.monotonic() + 120
        (folder / f"{os.getppid()}-{os.getpid()}-{time.monotonic_ns()}").touch()
        while len({file.name.partition("-")[0] for file in folder.iterdir()}) < int(
            os.environ["FAKES_NODES"]
        ):
            if time.monotonic() > limit_s:
                raise TimeoutError("fewer nodes were ever at work")
            time.sleep(0.05)

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        time.sleep(float(os.environ.get("FAKES_SLOW_S", "0")))
        raised = np.pi * (1 - np.cos(np.pi * time_s)) / 2  # 0 hanging, pi overhead
        arm = np.array([np.sin(raised), np.cos(raised)])  # outwards, down
        points = np.zeros((33, 3), np.float32)
        points[:11, 1] = -0.75
        for left, side in ((1, 1.0), (0, -1.0)):
            shoulder, hip = np.array([0.2 * side, -0.5]), np.array([0.12 * side, 0.0])
            joints = {11: shoulder, 23: hip, 25: hip + [0, 0.45], 27: hip + [0, 0.9]}
            joints[13] = shoulder + 0.3 * arm * [side, 1]
            joints[15] = shoulder + 0.55 * arm * [side, 1]
            joints |= {17: joints[15], 19: joints[15], 21: joints[15], 29: joints[27]}
            joints[31] = joints[27]
            for index, place in joints.items():
                points[index + 1 - left, :2] = place
        return People(
            person=np.zeros(1, np.int32),
            image_px=(points * 100 + [320, 240, 0]).astype(np.float32)[None],
            world_m=points[None],
            visibility=np.ones((1, 33), np.float32),
        )


class SlowArmRaiser(ArmRaiser):
    """Takes 30 ms a frame, so that a test can strike in the middle."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        time.sleep(0.03)
        return super().track(frame_bgr, time_s)


class Together(Brightness):
    """Sleeps; at first until a dozen of its kind are at work at once, five minutes at most."""

    NUMBER = 12

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        place, limit_s = Path(os.environ["FAKES_FOLDER"]), time.monotonic() + 300
        (place / f"together-{os.getpid()}").touch()
        while len(list(place.glob("together-*"))) < self.NUMBER:
            if time.monotonic() > limit_s:
                raise TimeoutError("fewer were ever at work at once")
            time.sleep(0.05)
        time.sleep(0.3)
        return super().track(frame_bgr, time_s)


class Poisoned(Brightness):
    """Dies on white frames, hangs on red ones, raises on blue ones."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        blue, green, red = frame_bgr.reshape(-1, 3).mean(axis=0)
        if min(red, green, blue) > 200:
            os._exit(1)
        if red > 200 > green:
            time.sleep(600)
        if blue > 200 > green:
            raise ZeroDivisionError("a bug in the estimator")
        return super().track(frame_bgr, time_s)


class Device(Poisoned):
    """Follows many streams at once; green frames bring its device to fail, five are too many."""

    MOST = 4

    def begin(self) -> None:
        pass

    def step(
        self,
        streams: Sequence[None],
        frames_bgr: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[float],
    ) -> tuple[list[None], list[People]]:
        if len(frames_bgr) > self.MOST:
            raise OutOfMemory(f"{len(frames_bgr)} frames, there is room for {self.MOST}")
        for frame in frames_bgr:
            blue, green, _ = frame.reshape(-1, 3).mean(axis=0)
            if green > 200 > blue:
                raise DeviceFault("CUDA error: an illegal memory access was encountered")
        time.sleep(0.01)  # so that segments share an actor
        return [*streams], [self.track(*each) for each in zip(frames_bgr, times_s, strict=True)]

    def device_s(self) -> tuple[float, float]:
        return 0.0, 0.0


class LostDevice(Device):
    """Its device fails with every frame."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        raise DeviceFault("CUDA error: unspecified launch failure")


def die(clips: Sequence[Path], begin: Callable[[], None]) -> None:
    """A process that dies, beside others that wait for it."""
    if clips:
        os._exit(1)
    begin()


def fail(clips: Sequence[Path], begin: Callable[[], None]) -> None:
    """A process that ends with an error, beside others that wait for it."""
    if clips:
        raise ZeroDivisionError("a bug in the measurement")
    begin()


class CannotStart(Brightness):
    """Has no weights."""

    def start(self) -> None:
        raise FileNotFoundError("no weights here")


class LacksClient(Brightness):
    """Needs a package that its machine lacks."""

    def track(self, frame_bgr: np.ndarray, time_s: float) -> People:
        raise ImportError("Install s3fs to access S3")
