"""From the landmark model's raw outputs to landmarks of the crop.

Follows MediaPipe's TensorsToLandmarksCalculator and RefineLandmarksFromHeatmapCalculator.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from repscore.models.blazepose.network import LANDMARK_SIDE, CropLandmarks, FloatArray

LANDMARKS: Final = 39
"""33 of the body, then 6 auxiliary: 33 is mid-hip, 34 the full-body point, the rest unused."""

KERNEL: Final = 7
MIN_CONFIDENCE_TO_REFINE: Final = 0.5

_OFFSETS: Final = np.arange(KERNEL) - KERNEL // 2


def decode(
    image: FloatArray, presence: FloatArray, heatmap: FloatArray, world: FloatArray
) -> CropLandmarks:
    """Raw outputs (B, 195), (B, 1), (B, 64, 64, 39), (B, 117) -> landmarks.

    The 195 are (x, y, z, visibility, presence) of 39 landmarks, coordinates in pixels of the crop,
    the last two before the sigmoid; the presence of the person comes after it.
    """
    raw = image.reshape(-1, LANDMARKS, 5)
    points = raw[..., :3] / np.float32(LANDMARK_SIDE)
    points[..., :2] = refine(points[..., :2], heatmap)
    return CropLandmarks(
        points=points,
        visibility=sigmoid(raw[..., 3]),
        presence=presence.reshape(-1).copy(),
        world_m=world.reshape(-1, LANDMARKS, 3).copy(),
    )


def landmark_outputs(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Positions of the landmark model's outputs in the order of `decode`.

    They are told apart by shape (the segmentation has none here); any other model is an error.
    """
    expected = [(1, 195), (1, 1), (1, 64, 64, 39), (1, 117)]
    missing = [shape for shape in expected if shapes.count(shape) != 1]
    if missing:
        raise ValueError(
            f"not a BlazePose landmark model: it lacks outputs {missing}, it has {shapes}; "
            "expected pose_landmark_lite, _full or _heavy of 2021 or later"
        )
    return [shapes.index(shape) for shape in expected]


def refine(xy: FloatArray, heatmap: FloatArray) -> FloatArray:
    """Landmarks (B, J, 2) in 0..1, moved to the heatmap's centre of mass around them.

    `heatmap` (B, H, W, J) holds logits. The window is 7x7, cut at the border; a landmark whose
    window nowhere reaches a confidence of 0.5 stays where it is.
    """
    batch, height, width, joints = heatmap.shape
    # Truncation towards zero, as in the reference: a landmark just left of the map still counts.
    centre = np.trunc(xy * np.array([width, height], np.float32)).astype(np.intp)  # (B, J, 2)
    columns = centre[..., 0, None] + _OFFSETS  # (B, J, 7)
    rows = centre[..., 1, None] + _OFFSETS
    inside = ((rows >= 0) & (rows < height))[..., :, None] & ((columns >= 0) & (columns < width))[
        ..., None, :
    ]
    logits = heatmap[
        np.arange(batch)[:, None, None, None],
        np.clip(rows, 0, height - 1)[..., :, None],
        np.clip(columns, 0, width - 1)[..., None, :],
        np.arange(joints)[None, :, None, None],
    ]  # (B, J, 7, 7)
    weight = np.where(inside, sigmoid(logits), np.float32(0.0))
    total = weight.sum(axis=(2, 3))
    within = (centre[..., 0] >= 0) & (centre[..., 0] < width) & (centre[..., 1] >= 0)
    sure = within & (weight.max(axis=(2, 3)) >= MIN_CONFIDENCE_TO_REFINE)
    share = np.where(sure, total, np.float32(1.0))
    column = (weight.sum(axis=2) * columns).sum(axis=-1) / (share * width)
    row = (weight.sum(axis=3) * rows).sum(axis=-1) / (share * height)
    return np.where(sure[..., None], np.stack([column, row], axis=-1), xy).astype(np.float32)


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)) that does not overflow."""
    half: FloatArray = np.float32(0.5) * (np.float32(1.0) + np.tanh(np.float32(0.5) * x))
    return half
