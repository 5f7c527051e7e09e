"""The two networks in torch: batches of any size, on CUDA in half precision, or on the CPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

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
    OutOfMemory,
    torch_identity,
)
from repscore.models.blazepose.tflite import Graph, read_graph
from repscore.models.estimator import Precision, Unavailable
from repscore.models.weights import sha256_of


class TorchNetwork:
    """A `Network` on a torch device; on CUDA the landmark model runs in float16, channels last,
    unless f32 is asked for.

    Raises Unavailable where CUDA is asked for and there is none.
    """

    def __init__(
        self,
        detector: Path,
        landmarks: Path,
        device: str = "cuda",
        precision: Precision = "auto",
    ) -> None:
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise Unavailable(
                f"--device {device} was asked for, but torch {torch.__version__} finds no CUDA "
                "device; use --device cpu, or check the driver with nvidia-smi"
            )
        self._device = torch.device(device)
        self.identity: Mapping[str, str] = torch_identity(
            sha256_of(detector), sha256_of(landmarks), self._device.type, precision
        )
        half = self.identity["precision"] == "f16"
        self._detector = TorchGraph(read_graph(detector)).eval().to(self._device)
        graph = TorchGraph(without_segmentation(read_graph(landmarks))).eval()
        self._landmarks = (graph.half() if half else graph).to(self._device)
        self._dtype = torch.float16 if half else torch.float32

    @torch.inference_mode()
    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        with _room():
            pixels = torch.tensor(images, device=self._device).float()
            boxes, scores = self._detector(pixels / 127.5 - 1.0)
            return boxes.cpu().numpy(), scores[..., 0].cpu().numpy()

    @torch.inference_mode()
    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`; what comes back from the device is small, the heatmap stays there."""
        with _room():
            return self._landmarks_of(torch.tensor(crops, device=self._device).to(self._dtype))

    def _landmarks_of(self, pixels: Tensor) -> CropLandmarks:
        image, presence, heatmap, world = self._landmarks(pixels / 255.0)
        raw = image.reshape(-1, LANDMARKS, 5)
        points = raw[..., :3] / LANDMARK_SIDE
        points[..., :2] = refine(points[..., :2], heatmap)
        return CropLandmarks(
            points=points.cpu().numpy(),
            visibility=torch.sigmoid(raw[..., 3]).cpu().numpy(),
            presence=presence.reshape(-1).cpu().numpy(),
            world_m=world.reshape(-1, LANDMARKS, 3).cpu().numpy(),
        )


@contextmanager
def _room() -> Iterator[None]:
    """Say OutOfMemory for torch's own error, and give back what the allocator holds."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemory(str(error)) from error


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
