"""Estimators for tests: what they do to a video is written in its first pixels."""

import os
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People


class Brightness:
    """Finds one person, all of whose landmarks lie at the frame's mean brightness."""

    topology = "blazepose33"

    def __init__(self, model: str) -> None:
        self.identity = self.identity_of(model)

    @classmethod
    def identity_of(cls, model: str) -> Mapping[str, str]:
        return {"estimator": cls.__name__, "model": model}

    @classmethod
    def require(cls, model: str) -> None:
        pass

    def start(self) -> None:
        pass

    def track(self, frame_rgb: npt.NDArray[np.uint8], time_s: float) -> People:
        level = np.float32(frame_rgb.mean())
        return People(
            person=np.zeros(1, np.int32),
            image_px=np.full((1, 33, 3), level, np.float32),
            world_m=np.full((1, 33, 3), level / 255, np.float32),
            visibility=np.ones((1, 33), np.float32),
        )

    def close(self) -> None:
        pass


class Poisoned(Brightness):
    """Dies on white frames, hangs on red ones, raises on blue ones."""

    def track(self, frame_rgb: npt.NDArray[np.uint8], time_s: float) -> People:
        red, green, blue = frame_rgb.reshape(-1, 3).mean(axis=0)
        if min(red, green, blue) > 200:
            os._exit(1)
        if red > 200 > green:
            time.sleep(600)
        if blue > 200 > green:
            raise ZeroDivisionError("a bug in the estimator")
        return super().track(frame_rgb, time_s)


class CannotStart(Brightness):
    """Has no weights."""

    def start(self) -> None:
        raise FileNotFoundError("no weights here")
