"""From the detector's raw boxes to people: anchors, decoding, weighted suppression.

The parameters are those of MediaPipe's PoseDetectorGraph.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from repscore.models.blazepose.landmarks import sigmoid
from repscore.models.blazepose.network import DETECTOR_SIDE, FloatArray

MIN_SCORE: Final = 0.5
MIN_OVERLAP: Final = 0.5

# (stride in pixels, anchors per cell): two per layer, three layers of stride 32 in one grid.
_GRIDS: Final = ((8, 2), (16, 2), (32, 6))


@dataclass(frozen=True, eq=False)
class Detections:
    """People found in one image, the surest first; coordinates in 0..1 of the detector's input.

    Attributes:
        score: (K,) float32, 0.5..1.
        box: (K, 4) float32, left, top, right, bottom of the face.
        keypoints: (K, 4, 2) float32: mid-hip, full-body point, and the same of the upper body.
    """

    score: FloatArray
    box: FloatArray
    keypoints: FloatArray


def anchors() -> FloatArray:
    """Centres (2254, 2) of the anchors, x and y in 0..1, in the order of the model's boxes."""
    grids = []
    for stride, per_cell in _GRIDS:
        cells = DETECTOR_SIDE // stride
        row, column, _ = np.mgrid[:cells, :cells, :per_cell]
        grids.append((np.stack([column.ravel(), row.ravel()], axis=1) + 0.5) / cells)
    return np.concatenate(grids).astype(np.float32)


_ANCHORS: Final = anchors()


def detections(boxes: FloatArray, scores: FloatArray) -> Detections:
    """Raw boxes (2254, 12) and scores (2254,) before the sigmoid -> people in one image."""
    score = sigmoid(np.clip(scores, -100.0, 100.0))
    chosen = np.flatnonzero(score >= MIN_SCORE)
    raw = boxes[chosen] / np.float32(DETECTOR_SIDE)
    centre, size = raw[:, :2] + _ANCHORS[chosen], raw[:, 2:4]
    box = np.hstack([centre - size / 2, centre + size / 2]).astype(np.float32)
    keypoints = raw[:, 4:].reshape(-1, 4, 2) + _ANCHORS[chosen, None]
    valid = (size >= 0).all(axis=1)
    return suppress(Detections(score[chosen][valid], box[valid], keypoints[valid]))


def suppress(found: Detections) -> Detections:
    """Boxes that overlap the surest one become their mean, weighted by score; then the next."""
    order = np.argsort(-found.score, kind="stable")
    score, box, keypoints = found.score[order], found.box[order], found.keypoints[order]
    left = np.arange(len(order))
    kept_box, kept_keypoints, kept_score = [], [], []
    while len(left):
        same = overlap(box[left[0]], box[left]) > MIN_OVERLAP
        same[0] = True
        group = left[same]
        weight = score[group] / score[group].sum()
        kept_score.append(score[left[0]])
        kept_box.append(weight @ box[group])
        kept_keypoints.append(np.tensordot(weight, keypoints[group], axes=1))
        left = left[~same]
    return Detections(
        score=np.array(kept_score, np.float32),
        box=np.array(kept_box, np.float32).reshape(-1, 4),
        keypoints=np.array(kept_keypoints, np.float32).reshape(-1, 4, 2),
    )


def overlap(one: FloatArray, many: FloatArray) -> FloatArray:
    """Intersection over union of a box (4,) with boxes (K, 4); 0 where the union is empty."""
    inner = np.minimum(one[2:], many[:, 2:]) - np.maximum(one[:2], many[:, :2])
    shared = np.clip(inner, 0, None).prod(axis=1)
    union = (one[2:] - one[:2]).prod() + (many[:, 2:] - many[:, :2]).prod(axis=1) - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)
