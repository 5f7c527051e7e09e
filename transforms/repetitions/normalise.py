"""Joints in pixels and metres -> a body of unit size, whatever the camera and the person."""

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import JOINT

Array = npt.NDArray[np.float64]

NECK, MID_HIP = JOINT["neck"], JOINT["mid_hip"]
_RIGHT = (JOINT["right_shoulder"], JOINT["right_hip"])
_LEFT = (JOINT["left_shoulder"], JOINT["left_hip"])
_YAW_REACH = 7  # grid points on either side over which the facing direction is averaged


def flatten(image_px: Array, torso_length_px: float) -> Array:
    """Image joints (N, 15, 2+) as (N, 15, 2): origin at mid-hip, torso length one, y down.

    Where the hips are not seen in most frames, the origin lies one torso below the neck instead.
    """
    flat = image_px[..., :2] / torso_length_px
    person = ~np.isnan(flat[:, :, 0]).all(axis=1)
    hips = flat[:, MID_HIP]
    if np.isnan(hips[person, 0]).mean(dtype=np.float64) > 0.5 if person.any() else False:
        hips = flat[:, NECK] + np.array([0.0, 1.0])
    return flat - hips[:, None]


def face_forward(world_m: Array, torso_length_m: float) -> Array:
    """World joints (N, 15, 3) turned about the vertical: x the person's left, y up, z forward.

    Which way is left is the mean of the shoulder and hip lines over about a second: a person who
    turns is followed, the jitter of one frame is not. Origin at mid-hip (one torso below the neck
    where the hips are not seen in most frames), torso length one.
    """
    up = world_m * np.array([1.0, -1.0, -1.0]) / torso_length_m  # x image right, y up, z to camera
    sideways = np.stack(
        [up[:, left] - up[:, right] for right, left in zip(_RIGHT, _LEFT, strict=True)]
    )
    sideways = np.where(np.isnan(sideways), 0.0, sideways).sum(axis=0)[:, [0, 2]]
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(sideways, axis=0)])
    n = len(world_m)
    low = np.clip(np.arange(n) - _YAW_REACH, 0, n)
    high = np.clip(np.arange(n) + _YAW_REACH + 1, 0, n)
    left = total[high] - total[low]
    length = np.linalg.norm(left, axis=1)
    cosine, sine = np.where(length > 1e-9, left.T / np.maximum(length, 1e-9), [[1.0], [0.0]])
    x, y, z = np.moveaxis(up, -1, 0)
    cosine, sine = cosine[:, None], sine[:, None]
    turned = np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)
    person = ~np.isnan(turned[:, :, 0]).all(axis=1)
    hips = turned[:, MID_HIP]
    if person.any() and np.isnan(hips[person, 0]).mean() > 0.5:
        hips = turned[:, NECK] - np.array([0.0, 1.0, 0.0])
    facing: Array = turned - hips[:, None]
    return facing
