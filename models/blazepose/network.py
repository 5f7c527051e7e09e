"""What the tracker asks of the networks, so that they may run here or in another process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.regions import crops as cut_crops
from repscore.models.estimator import Precision, Unavailable

FloatArray = npt.NDArray[np.float32]

DETECTOR_SIDE = 224
LANDMARK_SIDE = 256


@dataclass(frozen=True, eq=False)
class CropLandmarks:
    """What the landmark model says of B crops, refined from its heatmap.

    Attributes:
        points: (B, 39, 3) float32, x and y in 0..1 of the crop, z in the scale of x.
        visibility: (B, 39) float32 in 0..1.
        presence: (B,) float32 in 0..1, whether there is a person at all.
        world_m: (B, 39, 3) float32 metres, axes of the crop, origin between the hips.
    """

    points: FloatArray
    visibility: FloatArray
    presence: FloatArray
    world_m: FloatArray

    def part(self, start: int, end: int) -> "CropLandmarks":
        """What was said of the crops start .. end - 1."""
        rows = slice(start, end)
        return CropLandmarks(
            self.points[rows], self.visibility[rows], self.presence[rows], self.world_m[rows]
        )


def concatenate_landmarks(parts: Sequence[CropLandmarks]) -> CropLandmarks:
    """Landmarks of several batches as those of one."""
    if len(parts) == 1:
        return parts[0]
    return CropLandmarks(
        points=np.concatenate([part.points for part in parts]),
        visibility=np.concatenate([part.visibility for part in parts]),
        presence=np.concatenate([part.presence for part in parts]),
        world_m=np.concatenate([part.world_m for part in parts]),
    )


Frame = npt.NDArray[np.uint8]
Crops = Any
"""(B, S, S, 3) RGB uint8 where a network computes: an array, or a tensor on a device."""


class Network(Protocol):
    """The two models behind one door; any batch size, zero excepted.

    Raises OutOfMemory for a batch that is too large for the device, and DeviceFault.
    """

    identity: Mapping[str, str]
    """Everything that decides its results: runtime, precision, SHA-256 of the weights."""

    def device_s(self) -> tuple[float, float]:
        """Seconds that pixels took to a device so far, and that it computed while we waited."""
        ...

    def crop(
        self,
        frames: Sequence[Frame],
        owners: Sequence[int],
        rows: Regions,
        side: int,
        *,
        border: int,
    ) -> Crops:
        """Crops (B, side, side, 3) of regions `rows` (B, 4), as `regions.crops` cuts them."""
        ...

    def to_host(self, crops: Crops) -> npt.NDArray[np.uint8]:
        """The same crops as an array."""
        ...

    def infer_detector(self, images: Crops) -> tuple[FloatArray, FloatArray]:
        """Images (B, 224, 224, 3) RGB -> raw boxes (B, 2254, 12), scores (B, 2254) in logits."""
        ...

    def infer_landmarks(self, crops: Crops) -> CropLandmarks:
        """Crops (B, 256, 256, 3) RGB -> their landmarks."""
        ...


class HostCrops:
    """The crops of a `Network` that computes on the CPU, where nothing is brought to a device."""

    def device_s(self) -> tuple[float, float]:
        """See `Network`."""
        return 0.0, 0.0

    def crop(
        self,
        frames: Sequence[Frame],
        owners: Sequence[int],
        rows: Regions,
        side: int,
        *,
        border: int,
    ) -> npt.NDArray[np.uint8]:
        """See `Network`."""
        return cut_crops(frames, owners, rows, side, border=border)

    def to_host(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """See `Network`."""
        return crops


def torch_identity(
    detector_sha256: str,
    landmarks_sha256: str,
    device: str,
    precision: Precision,
    *,
    compiled: bool,
) -> Mapping[str, str]:
    """What `TorchNetwork.identity` is on a type of device, without an import of torch.

    Raises Unavailable for bf16, which is the half precision of the CPU.
    """
    if precision == "bf16":
        raise Unavailable("bf16 is for --device cpu; in torch use --precision auto or f32")
    return {
        "runtime": f"torch {version('torch')} {device}{' compiled' if compiled else ''}",
        "precision": "f16" if device == "cuda" and precision == "auto" else "f32",
        "detector_sha256": detector_sha256,
        "landmarks_sha256": landmarks_sha256,
    }
