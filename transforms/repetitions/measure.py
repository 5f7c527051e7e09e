"""Measurements of one repetition: phases, range of motion, symmetry, view."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import ANGLES, BONE_LENGTHS, JOINT, joint_angles_deg

Array = npt.NDArray[np.float64]

_NAMES = list(ANGLES)
_PAIRS = [
    (_NAMES.index(f"right_{part}"), _NAMES.index(f"left_{part}"))
    for part in ("elbow", "shoulder", "hip", "knee")
]
_MOVING_DEG = 15.0  # an angle with a smaller span is not part of the movement
_HOLD_SHARE = 0.1  # of the amplitude, within which the turning point is held
_WITHIN_30_DEG, _BEYOND_60_DEG = np.cos(np.radians([30, 60])).tolist()
_RISE_TORSOS = 0.03  # a smaller rise of the centre of mass may be noise

# Share of body mass that each joint stands for: Winter, Biomechanics and Motor Control of Human
# Movement, table 4.1, each segment's mass split between its two ends.
_MASS = {
    "nose": 0.081, "neck": 0.2485, "mid_hip": 0.2485,
    "right_shoulder": 0.014, "left_shoulder": 0.014, "right_elbow": 0.022, "left_elbow": 0.022,
    "right_wrist": 0.014, "left_wrist": 0.014, "right_hip": 0.05, "left_hip": 0.05,
    "right_knee": 0.07325, "left_knee": 0.07325, "right_ankle": 0.03775, "left_ankle": 0.03775,
}  # fmt: skip
_WEIGHTS = np.array([_MASS[name] for name in JOINT])


@dataclass(frozen=True, eq=False)
class Excursion:
    """How a body goes out and comes back: rows of its turning point and of the hold around it.

    The hold is [hold_start, hold_end), the stretch in which the body is within a tenth of its
    amplitude of the farthest point. The amplitude is the distance of that point from the start
    position, in torsos.
    """

    turn: int
    hold_start: int
    hold_end: int
    amplitude: float


def excursion(vectors: npt.NDArray[np.floating]) -> Excursion:
    """The way out and back of a repetition from body vectors (N, D) in torsos, N > 1.

    It is measured along the direction to the farthest shape, from a start position that may drift
    from the first instant's shape to the last one's.
    """
    n = len(vectors)
    share = np.linspace(0.0, 1.0, n)[:, None]
    away = vectors - (vectors[:1] * (1.0 - share) + vectors[-1:] * share)
    sizes = np.linalg.norm(away, axis=1)
    far = int(np.argmax(sizes))
    if not sizes[far] > 0:
        return Excursion(n // 2, n // 2, n // 2, 0.0)
    course = away @ (away[far] / sizes[far])
    holding = course >= (1.0 - _HOLD_SHARE) * course[far]
    first = far - int(np.argmin(holding[far::-1])) + 1 if not holding[: far + 1].all() else 0
    after = far + int(np.argmin(holding[far:])) if not holding[far:].all() else n
    return Excursion((first + after - 1) // 2, first, after, float(sizes[far]))


def angles_deg(flat: Array, body: Array) -> Array:
    """The named angles (N, 8) in degrees, from the 3D joints where they are known, else in 2D."""
    if np.isnan(body).all():
        return np.asarray(joint_angles_deg(flat), dtype=np.float64)
    return np.asarray(joint_angles_deg(body), dtype=np.float64)


def _spans(angles: Array) -> Array:
    """Span of each angle over the frames where it is known; NaN if known on less than half."""
    known = ~np.isnan(angles)
    high = np.where(known, angles, -np.inf).max(axis=0, initial=-np.inf)
    low = np.where(known, angles, np.inf).min(axis=0, initial=np.inf)
    enough = known.mean(axis=0) >= 0.5
    return np.where(enough, high - np.where(enough, low, 0.0), np.nan)


def range_of_motion_deg(angles: Array) -> float | None:
    """Span of the angle (N, 8) that moves most; None where none is known on half the frames."""
    spans = _spans(angles)
    return None if np.isnan(spans).all() else float(np.nanmax(spans))


def symmetry(angles: Array) -> float | None:
    """Likeness of left and right: one minus their mean difference over the larger of their spans.

    The mean over the pairs of angles that take part in the movement, each counting as much as it
    moves; None where no such pair is seen on both sides.
    """
    spans = _spans(angles)
    right, left = (list(column) for column in zip(*_PAIRS, strict=True))
    span = np.maximum(spans[right], spans[left])  # NaN where a side is not seen
    difference = np.abs(angles[:, right] - angles[:, left])
    both = ~np.isnan(difference)
    count = both.sum(axis=0)
    usable = (span >= _MOVING_DEG) & (count > 0)
    if not usable.any():
        return None
    mean = np.where(both, difference, 0.0).sum(axis=0)[usable] / count[usable]
    likeness = np.maximum(0.0, 1.0 - mean / span[usable])
    return float(np.average(likeness, weights=span[usable]))


def rise(image_px: Array, torso_px: float) -> Array:
    """Height of the centre of mass (N,) in torsos, up positive, from an arbitrary zero.

    Image joints (N, 15, 2+); a joint that is not seen on all frames with the person is left out,
    so that its coming and going is not taken for motion. NaN where the person is not seen.
    """
    height = -image_px[..., 1] / torso_px
    person = ~np.isnan(height).all(axis=1)
    if not person.any():
        return np.full(len(image_px), np.nan)
    usable = ~np.isnan(height[person]).any(axis=0)
    weights = _WEIGHTS * usable
    if weights.sum() == 0:
        return np.full(len(image_px), np.nan)
    level = np.where(usable, height, 0.0) @ weights / weights.sum()
    return np.where(person, level, np.nan)


def lifting_s(
    height: Array, start: int, turn: int, end: int, rate_hz: float
) -> tuple[float | None, float | None]:
    """Durations (concentric, eccentric) of the phases that go up and down against gravity.

    `height` is that of the centre of mass; (None, None) where it does not rise or fall clearly
    between start and turn and return after it.
    """
    out, back = height[turn] - height[start], height[end] - height[turn]
    if not (abs(out) >= _RISE_TORSOS and abs(back) >= _RISE_TORSOS and out * back < 0):
        return None, None
    first, second = (turn - start) / rate_hz, (end - turn) / rate_hz
    return (first, second) if out > 0 else (second, first)


def view(flat: Array, body: Array, world_m: Array) -> str | None:
    """Where the camera stands: `front`, `back`, `side`, `oblique`; None where it is not known.

    Within 30 degrees of the direction that the person faces (or its opposite), within 30 of the
    sideways direction, or between. Of 41 clips with a view noted by eye, 35 get it.
    From the direction of the shoulder and hip lines, in 3D (world_m (N, 15, 3), y down) where it is
    known; else from their width in the image plane against the length of the torso.
    """
    right = [JOINT["right_shoulder"], JOINT["right_hip"]]
    left = [JOINT["left_shoulder"], JOINT["left_hip"]]
    if not np.isnan(body).all():
        line = _mean(world_m[:, left] - world_m[:, right])[[0, 2]]
        length = float(np.linalg.norm(line))
        across = float(line[0]) / length if length > 0 else float("nan")
    else:
        line = _mean(flat[:, left[:1]] - flat[:, right[:1]])
        across = float(line[0]) / (2 * BONE_LENGTHS["neck", "right_shoulder"])
    if np.isnan(across):
        return None
    if abs(across) >= _WITHIN_30_DEG:
        return "front" if across > 0 else "back"
    return "side" if abs(across) < _BEYOND_60_DEG else "oblique"


def _mean(values: Array) -> Array:
    """Mean over the first two axes of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=(0, 1))
    total = np.where(known, values, 0.0).sum(axis=(0, 1))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
