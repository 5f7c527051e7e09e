"""The two networks in torch: batches of any size, on CUDA in half precision, or on the CPU."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from repscore.models.blazepose.crops_torch import DeviceCrops
from repscore.models.blazepose.graph_torch import TorchGraph
from repscore.models.blazepose.landmarks import (
    KERNEL,
    LANDMARKS,
    MIN_CONFIDENCE_TO_REFINE,
    landmark_outputs,
)
from repscore.models.blazepose.network import (
    LANDMARK_SIDE,
    CropLandmarks,
    FloatArray,
    Frame,
    torch_identity,
)
from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.tflite import Graph, read_graph
from repscore.models.estimator import DeviceFault, OutOfMemory, Precision, Unavailable
from repscore.models.weights import sha256_of

_ENDS: Final = tuple(np.cumsum([3 * LANDMARKS, LANDMARKS, 1]).tolist())
"""Where the parts of a row of `_landmarks_of` end."""
_MULTIPLE: Final = 64


class TorchNetwork:
    """A `Network` on a torch device; on CUDA the landmark model runs in float16, channels last,
    unless f32 is asked for. `compiled` has the landmark model run as torch.compile makes it, on
    CUDA in CUDA graphs: the first batch of each size takes a minute or so longer.

    Raises Unavailable where CUDA is asked for and there is none.
    """

    def __init__(
        self,
        detector: Path,
        landmarks: Path,
        device: str = "cuda",
        precision: Precision = "auto",
        *,
        compiled: bool = False,
    ) -> None:
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise Unavailable(
                f"--device {device} was asked for, but torch {torch.__version__} finds no CUDA "
                "device; use --device cpu, or check the driver with nvidia-smi"
            )
        self._device = torch.device(device)
        self.identity: Mapping[str, str] = torch_identity(
            sha256_of(detector),
            sha256_of(landmarks),
            self._device.type,
            precision,
            compiled=compiled,
        )
        self._crops = DeviceCrops(self._device)
        self._compute_s = 0.0
        half = self.identity["precision"] == "f16"
        self._detector = TorchGraph(read_graph(detector)).eval().to(self._device)
        graph = TorchGraph(without_segmentation(read_graph(landmarks))).eval()
        self._landmarks = (graph.half() if half else graph).to(self._device)
        self._dtype = torch.float16 if half else torch.float32
        self._landmarks_of: Callable[[Tensor], Tensor] = self._eager_landmarks_of
        if compiled:
            self._landmarks_of = torch.compile(
                self._eager_landmarks_of, mode="reduce-overhead", dynamic=False
            )

    def device_s(self) -> tuple[float, float]:
        """See `Network`."""
        return self._crops.copy_s, self._compute_s

    @torch.inference_mode()
    def crop(
        self,
        frames: Sequence[Frame],
        owners: Sequence[int],
        rows: Regions,
        side: int,
        *,
        border: int,
    ) -> Tensor:
        """See `Network`."""
        with _faults():
            return self._crops(frames, owners, rows, side, border)

    def to_host(self, crops: Tensor) -> npt.NDArray[np.uint8]:
        """See `Network`."""
        with _faults():
            return crops.cpu().numpy()

    @torch.inference_mode()
    def infer_detector(
        self, images: Tensor | npt.NDArray[np.uint8]
    ) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        with self._timed(), _faults():
            pixels = padded(torch.as_tensor(images, device=self._device)).float()
            boxes, scores = self._detector(pixels / 127.5 - 1.0)
            both = torch.cat([boxes, scores], dim=-1)[: len(images)].cpu().numpy()  # one copy back
            return both[..., :-1], both[..., -1]

    @torch.inference_mode()
    def infer_landmarks(self, crops: Tensor | npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`; what comes back from the device is small, the heatmap stays there."""
        with self._timed(), _faults():
            pixels = padded(torch.as_tensor(crops, device=self._device)).to(self._dtype)
            packed = self._landmarks_of(pixels)[: len(crops)].cpu().numpy()
        points, visibility, presence, world = np.split(packed, _ENDS, axis=1)
        return CropLandmarks(
            points=points.reshape(-1, LANDMARKS, 3),
            visibility=visibility,
            presence=presence[:, 0],
            world_m=world.reshape(-1, LANDMARKS, 3),
        )

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun_s = time.perf_counter()
        yield
        self._compute_s += time.perf_counter() - begun_s

    def _eager_landmarks_of(self, pixels: Tensor) -> Tensor:
        """Points, visibility, presence and world points in one row of float32 per crop."""
        image, presence, heatmap, world = self._landmarks(pixels / 255.0)
        raw = image.reshape(-1, LANDMARKS, 5)
        points = raw[..., :3] / LANDMARK_SIDE
        points[..., :2] = refine(points[..., :2], heatmap)
        visibility = torch.sigmoid(raw[..., 3])
        parts = (points.flatten(1), visibility, presence.reshape(-1, 1), world.flatten(1))
        return torch.cat(parts, dim=1)


def padded(images: Tensor) -> Tensor:
    """Images (B, ...) and black ones behind them, up to a power of two or a multiple of 64.

    A device then meets few shapes, and what it prepares for a shape is prepared once.
    """
    count = len(images)
    size = (
        1 << (count - 1).bit_length() if count < _MULTIPLE else -(-count // _MULTIPLE) * _MULTIPLE
    )
    if size == count:
        return images
    return torch.cat([images, images.new_zeros((size - count, *images.shape[1:]))])


@contextmanager
def _faults() -> Iterator[None]:
    """Name what a device says: OutOfMemory, after the allocator gave back its memory; DeviceFault.

    After any other error of CUDA, a process can no longer use it.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemory(str(error)) from error
    except torch.AcceleratorError as error:
        raise DeviceFault(str(error).splitlines()[0]) from error


def without_segmentation(graph: Graph) -> Graph:
    """A landmark model with the outputs that `landmarks.decode` takes, in its order."""
    order = landmark_outputs([graph.shapes[number] for number in graph.outputs])
    return graph.keeping([graph.outputs[position] for position in order])


def refine(xy: Tensor, heatmap: Tensor) -> Tensor:
    """`landmarks.refine` on a device: (B, J, 2) and (B, H, W, J) -> (B, J, 2)."""
    batch, height, width, joints = heatmap.shape
    device = heatmap.device
    offsets = torch.arange(KERNEL, device=device) - KERNEL // 2
    column, row = (xy[..., 0] * width).trunc().long(), (xy[..., 1] * height).trunc().long()
    columns, rows = column[..., None] + offsets, row[..., None] + offsets  # (B, J, 7)
    valid_rows = (rows >= 0) & (rows < height)
    valid_columns = (columns >= 0) & (columns < width)
    logits = heatmap[
        torch.arange(batch, device=device)[:, None, None, None],
        rows.clamp(0, height - 1)[..., :, None],
        columns.clamp(0, width - 1)[..., None, :],
        torch.arange(joints, device=device)[None, :, None, None],
    ]  # (B, J, 7, 7)
    weight = torch.sigmoid(logits) * (valid_rows[..., :, None] & valid_columns[..., None, :])
    within = (column >= 0) & (column < width) & (row >= 0)
    sure = within & (weight.amax(dim=(2, 3)) >= MIN_CONFIDENCE_TO_REFINE)
    total = torch.where(sure, weight.sum(dim=(2, 3)), 1.0)
    x = (weight.sum(dim=2) * columns).sum(dim=-1) / (total * width)
    y = (weight.sum(dim=3) * rows).sum(dim=-1) / (total * height)
    return torch.where(sure[..., None], torch.stack([x, y], dim=-1), xy)
