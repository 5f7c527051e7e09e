"""The length of the torso, neck to mid-hip: the unit in which bodies and ways are measured."""

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BONE_LENGTHS, JOINT

Array = npt.NDArray[np.floating]

# What stands in for a torso that is foreshortened or out of the picture, in torso lengths.
_SHOULDERS = ("right_shoulder", "left_shoulder")
_RULERS = {
    ("mid_hip", "neck"): 1.0,
    _SHOULDERS: sum(BONE_LENGTHS["neck", shoulder] for shoulder in _SHOULDERS),
} | {bone: size for bone, size in BONE_LENGTHS.items() if bone[0] not in ("neck", "mid_hip")}
_STARTS = [JOINT[start] for start, _ in _RULERS]
_ENDS = [JOINT[end] for _, end in _RULERS]
_USUAL = np.array(list(_RULERS.values()))


def median(values: Array) -> float:
    """The median of what is not NaN; NaN where nothing is."""
    known = np.sort(values[~np.isnan(values)])
    n = len(known)
    return float((known[(n - 1) // 2] + known[n // 2]) / 2) if n else float("nan")


def torsos_px(joints_px: Array) -> Array:
    """Torso lengths (N,) of bodies (N, 15, 2 or 3) as if parallel to the image plane.

    The longest of the bones, each divided by its usual length, since foreshortening only shortens;
    NaN where no bone is seen.
    """
    flat = joints_px[..., :2]
    sizes = np.linalg.norm(flat[:, _STARTS] - flat[:, _ENDS], axis=-1) / _USUAL
    longest: Array = np.where(np.isnan(sizes), 0.0, sizes).max(axis=1, initial=0.0)
    return np.where(longest > 0, longest, np.nan)


def torso_m(world_m: Array) -> float:
    """Length from neck to mid-hip in metres, the median over frames (N, 15, 3); NaN if unseen."""
    return median(np.linalg.norm(world_m[:, JOINT["neck"]] - world_m[:, JOINT["mid_hip"]], axis=-1))


def torso_px(image_px: Array, world_m: Array) -> float:
    """Torso length of one person in pixels as if parallel to the image plane; NaN if unseen.

    With world landmarks: their torso, times the scale that fits them to the image. Without: that
    of `torsos_px`. Either is the median over frames.

    Args:
        image_px: (N, 15, 2 or 3).
        world_m: (N, 15, 3), NaN where unknown.
    """
    length_m = torso_m(world_m)
    if not np.isfinite(length_m):
        return median(torsos_px(image_px))
    flat = image_px[..., :2]
    both = ~np.isnan(flat[..., 0]) & ~np.isnan(world_m[..., 0])
    count = np.maximum(both.sum(axis=1), 1)[:, None, None]
    seen = both[..., None]
    spread = []
    for points in (flat, world_m[..., :2]):
        points = np.where(seen, points, 0.0)
        centred = np.where(seen, points - points.sum(axis=1, keepdims=True) / count, 0.0)
        spread.append(np.sqrt((centred**2).sum(axis=(1, 2))))
    usable = (both.sum(axis=1) >= 4) & (spread[1] > 0)
    length_px = length_m * median(spread[0][usable] / spread[1][usable])
    return length_px if length_px > 0 else float("nan")  # landmarks in one point are nobody
