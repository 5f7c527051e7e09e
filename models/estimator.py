"""What the pipeline asks of a pose estimator."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class People:
    """The people found in one frame; row i of every array is the same person.

    Attributes:
        person: (P,) int32, an identity that holds from frame to frame within one track.
        image_px: (P, L, 3) float32, x right and y down in pixels of the upright image, z in the
            scale of x, towards the camera negative; z is NaN where the source has none.
        world_m: (P, L, 3) float32, metres, origin between the hips; NaN where there is none.
        visibility: (P, L) float32 in 0..1.
    """

    person: npt.NDArray[np.int32]
    image_px: npt.NDArray[np.float32]
    world_m: npt.NDArray[np.float32]
    visibility: npt.NDArray[np.float32]


class PoseEstimator(Protocol):
    """Follows people through the frames of one stream after another."""

    topology: str
    """A key of `skeleton.TOPOLOGIES`."""

    identity: Mapping[str, str]
    """Everything that decides its results: names, versions, SHA-256 of the weights."""

    def start(self) -> None:
        """Forget all people: what comes next is another stream."""

    def track(self, frame_rgb: npt.NDArray[np.uint8], time_s: float) -> People:
        """The people in frame (H, W, 3); `time_s` increases from call to call since `start`."""
        ...

    def close(self) -> None:
        """Release what the estimator holds."""


ESTIMATORS: Final[Mapping[str, str]] = {
    "mediapipe": "repscore.models.mediapipe:MediaPipeEstimator",
    "blazepose": "repscore.models.blazepose.estimator:BlazePoseEstimator",
}
"""Name -> `module:class`.

A class is called with the model's name; `identity_of(model)` tells the identity of its instances
without loading anything, and `require(model)` raises where something that it needs is missing.
"""


class UnknownEstimator(ValueError):
    """A name that leads to no pose estimator."""


def estimator_class(name: str) -> Any:
    """The class behind a name of ESTIMATORS, or behind any `module:class`.

    Raises UnknownEstimator.
    """
    module, _, attribute = ESTIMATORS.get(name, name).partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        known = ", ".join(ESTIMATORS)
        raise UnknownEstimator(
            f"pose estimator {name!r}: expected one of {known}, or module:class ({error})"
        ) from error
