"""Crops on a device: only the pixels that they need go up, from one pinned buffer."""

import time
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from repscore.models.blazepose.network import Frame
from repscore.models.blazepose.regions import Regions, matrices

_STEPS = 32
"""Positions count in this part of a pixel, as in `regions.crop`; weights of pixels are exact."""


class DeviceCrops:
    """Cuts crops on a torch device, equal bit by bit to those of `regions.crops`.

    Frames may differ in size. Of each, the upright rectangle around a region goes up.

    Attributes:
        copy_s: seconds spent on filling the buffer so far.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffer = torch.empty((0, 3), dtype=torch.uint8)
        self.copy_s = 0.0

    def __call__(
        self, frames: Sequence[Frame], owners: Sequence[int], rows: Regions, side: int, border: int
    ) -> Tensor:
        """Crops (B, side, side, 3) RGB uint8 of regions (B, 4)."""
        begun_s = time.perf_counter()
        pixels, places = self.fill(frames, owners, rows)
        up = torch.from_numpy(pixels).to(self._device, non_blocking=True)
        self.copy_s += time.perf_counter() - begun_s
        scaled = (matrices(rows) / [side, side, 1]).astype(np.float32)
        return cut(
            up,
            torch.from_numpy(places).to(self._device),
            torch.from_numpy(scaled).to(self._device),
            side,
            replicate=border == cv2.BORDER_REPLICATE,
        )

    def fill(
        self, frames: Sequence[Frame], owners: Sequence[int], rows: Regions
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.intp]]:
        """The pixels that regions (B, 4) need, in the buffer, and where they lie: see `cut`."""
        sizes = np.array([frame.shape[:2] for frame in frames])[list(owners)]  # (B, 2): H, W
        boxes = boxes_of(rows, sizes)
        ends = np.cumsum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        pixels = self._room(int(ends[-1]))
        starts = np.concatenate([[0], ends[:-1]])
        for owner, (left, top, right, bottom), start, end in zip(
            owners, boxes, starts, ends, strict=True
        ):
            rectangle = pixels[start:end].reshape(bottom - top, right - left, 3)
            np.copyto(rectangle, frames[owner][top:bottom, left:right])
        return pixels, np.column_stack([boxes[:, :3], sizes, starts])

    def _room(self, count: int) -> npt.NDArray[np.uint8]:
        """The buffer's first pixels (N, 3): free again, since every step waits for its results."""
        if count > len(self._buffer):
            pinned = self._device.type == "cuda"
            self._buffer = torch.empty((2 * count, 3), dtype=torch.uint8, pin_memory=pinned)
        return self._buffer.numpy()[:count]


def boxes_of(rows: Regions, sizes: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Left, top, right, bottom (B, 4) of the pixels that regions (B, 4) can need, half open.

    At least one pixel each: the nearest to a region beyond the frame, whose edge is repeated.

    Args:
        sizes: (B, 2) height and width of the frames.
    """
    corners = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], np.float64)
    places = matrices(rows) @ corners.T  # (B, 2, 4)
    limits = sizes[:, ::-1] - 1
    first = np.clip(np.floor(places.min(axis=2)) - 1, 0, limits)
    last = np.clip(np.ceil(places.max(axis=2)) + 2, 0, limits)
    return np.hstack([first, last + 1]).astype(np.intp)


def cut(pixels: Tensor, places: Tensor, scaled: Tensor, side: int, *, replicate: bool) -> Tensor:
    """Crops (B, side, side, 3) RGB uint8, bilinear with weights of 1/1024 as in OpenCV.

    Args:
        pixels: (N, 3) uint8 BGR, one rectangle of a frame after the other.
        places: (B, 6) int64 left, top and right of the rectangle, height and width of the frame,
            row of `pixels` where the rectangle begins.
        scaled: (B, 2, 3) float32, affine maps from pixels of a crop to those of the frame.
        replicate: beyond the frame lies its edge, else black.
    """
    count = torch.arange(side, device=pixels.device, dtype=torch.float32)
    right, down, start = (scaled[:, :, i, None, None] for i in range(3))
    position = (down * count[:, None] + start) + right * count  # (B, 2, side, side)
    fixed = (position * _STEPS).round().long()
    cell, part = fixed // _STEPS, (fixed % _STEPS).int()
    left, top, edge, height, width, begin = places.T[:, :, None, None]
    total = torch.zeros((*cell[:, 0].shape, 3), dtype=torch.int32, device=pixels.device)
    for below, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x, y = cell[:, 0] + beside, cell[:, 1] + below
        inner_x, inner_y = (x.minimum(width - 1).clamp(0), y.minimum(height - 1).clamp(0))
        weight = _weight(part[:, 0], beside) * _weight(part[:, 1], below)
        if not replicate:
            weight = weight * ((x == inner_x) & (y == inner_y))
        row = begin + (inner_y - top) * (edge - left) + inner_x - left
        total += weight[..., None] * pixels[row].int()
    return ((total + _STEPS**2 // 2) >> 10).to(torch.uint8).flip(-1)


def _weight(part: Tensor, side: int) -> Tensor:
    return part if side else _STEPS - part
