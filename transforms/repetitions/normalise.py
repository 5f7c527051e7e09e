"""Joints in pixels and metres -> a body of unit size, whatever the camera and the person."""

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BONE_LENGTHS, JOINT

Array = npt.NDArray[np.float64]

NECK, MID_HIP = JOINT["neck"], JOINT["mid_hip"]
_RIGHT = (JOINT["right_shoulder"], JOINT["right_hip"])
_LEFT = (JOINT["left_shoulder"], JOINT["left_hip"])
_YAW_REACH = 7  # grid points on either side over which the facing direction is averaged

# Bones that stand in for a torso that is foreshortened or out of the picture, in torso lengths.
_LIMBS = [bone for bone in BONE_LENGTHS if bone[0] not in ("neck", "mid_hip")]
_SHOULDERS = ("right_shoulder", "left_shoulder")
_RULERS = {
    ("mid_hip", "neck"): 1.0,
    _SHOULDERS: sum(BONE_LENGTHS["neck", shoulder] for shoulder in _SHOULDERS),
} | {bone: BONE_LENGTHS[bone] for bone in _LIMBS}
_STARTS = [JOINT[start] for start, _ in _RULERS]
_ENDS = [JOINT[end] for _, end in _RULERS]
_RATIOS = np.array(list(_RULERS.values()))


def median(values: Array) -> float:
    """The median of what is not NaN; NaN where nothing is."""
    known = np.sort(values[~np.isnan(values)])
    n = len(known)
    return float((known[(n - 1) // 2] + known[n // 2]) / 2) if n else float("nan")


def torso_m(world_m: Array) -> float:
    """Length from neck to mid-hip in metres, the median over frames (N, 15, 3); NaN if unseen."""
    return median(np.linalg.norm(world_m[:, NECK] - world_m[:, MID_HIP], axis=-1))


def torso_px(image_px: Array, world_m: Array) -> float:
    """Length of the torso in pixels as if it lay parallel to the image plane.

    With world landmarks: their torso, times the scale that fits them to the image (median over
    frames), so that foreshortening does not shorten it. Without: per frame the longest of the body
    segments, each divided by its usual proportion, since foreshortening only ever shortens.

    Args:
        image_px: (N, 15, 2 or 3).
        world_m: (N, 15, 3), NaN where unknown.
    """
    torso = torso_m(world_m)
    flat = image_px[..., :2]
    if np.isfinite(torso):
        both = ~np.isnan(flat[..., 0]) & ~np.isnan(world_m[..., 0])
        count = np.maximum(both.sum(axis=1), 1)[:, None, None]
        seen = both[..., None]
        spread = []
        for points in (flat, world_m[..., :2]):
            points = np.where(seen, points, 0.0)
            centred = np.where(seen, points - points.sum(axis=1, keepdims=True) / count, 0.0)
            spread.append(np.sqrt((centred**2).sum(axis=(1, 2))))
        usable = (both.sum(axis=1) >= 4) & (spread[1] > 0)
        return _positive(torso * median(spread[0][usable] / spread[1][usable]))
    lengths = np.linalg.norm(flat[:, _STARTS] - flat[:, _ENDS], axis=-1) / _RATIOS
    longest = np.where(np.isnan(lengths), -np.inf, lengths).max(axis=1, initial=-np.inf)
    return _positive(median(longest[np.isfinite(longest)]))


def _positive(length: float) -> float:
    """NaN instead of 0: landmarks in one point are nobody."""
    return length if length > 0 else float("nan")


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
