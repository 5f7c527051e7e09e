"""What the pipeline asks of a pose estimator."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from repscore.models.weights import Model

Precision = Literal["auto", "f32", "bf16"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class EstimatorConfig:
    """What an estimator is asked for.

    Attributes:
        model: size of the pose model.
        people: how many are wanted; an estimator may follow more and leave the choice to others.
        precision: of the arithmetic on the CPU; `auto` takes bf16 where the processor has it.
        device: where the networks run.
        compiled: on CUDA the pose model runs as torch.compile makes it, in CUDA graphs.
    """

    model: Model = "full"
    people: int = 1
    precision: Precision = "auto"
    device: Device = "cpu"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.people < 1:
            raise ValueError(f"people must be 1 or more, found {self.people}")
        choices = {"model": Model, "precision": Precision, "device": Device}
        for name, choice in choices.items():
            if getattr(self, name) not in get_args(choice):
                expected = ", ".join(get_args(choice))
                raise ValueError(f"{name}: expected {expected}, found {getattr(self, name)!r}")


class OutOfMemory(RuntimeError):
    """A device has no room for a batch of this size; a smaller one may fit."""


class DeviceFault(RuntimeError):
    """A device computes nothing any more in this process; another process may use it."""


class Unavailable(ValueError):
    """Hardware or a way of computing that was asked for is not to be had here."""


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

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        """The people in frame (H, W, 3), blue first as OpenCV has it.

        `time_s` increases from call to call since `start`.
        """
        ...

    def close(self) -> None:
        """Release what the estimator holds."""


class BatchEstimator(PoseEstimator, Protocol):
    """A `PoseEstimator` that follows people in many streams at once.

    What it remembers of a stream is a value that the caller keeps; a step changes none.
    """

    def begin(self) -> Any:
        """The memory of a stream that begins."""
        ...

    def step(
        self,
        streams: Sequence[Any],
        frames_bgr: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[float],
    ) -> tuple[list[Any], list[People]]:
        """One frame further in every stream: the new memories, and the people in each frame.

        Raises OutOfMemory where a device has no room for so many, and DeviceFault.
        """
        ...

    def device_s(self) -> tuple[float, float]:
        """Seconds that pixels took to a device so far, and that a device computed."""
        ...


ESTIMATORS: Final[Mapping[str, str]] = {
    "mediapipe": "repscore.models.mediapipe:MediaPipeEstimator",
    "blazepose": "repscore.models.blazepose.estimator:BlazePoseEstimator",
}
"""Name -> `module:class`.

A class is called with an EstimatorConfig; `identity_of(config)` tells the identity of its instances
without loading anything, and `require(config)` raises WeightsMissing, WeightsCorrupt or Unavailable
where something that it needs is missing. A class that is a BatchEstimator shares its batches among
the streams of a worker.
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
