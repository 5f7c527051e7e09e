"""Measures the quantities of norms: repetitions in, one number and its moment each out.

Joints are (R, P, 15, 2 or 3), y up, in torso lengths, NaN where not seen; courses are (R, P, S)
with one column per side (right, left) or one for the whole body.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.norms.norm import SCALARS, Range, Statistic
from repscore.models.scorer.represent import Execution, phase_times_s, resampler
from repscore.models.skeleton import ANGLES, BONE_LENGTHS, JOINT

Array = npt.NDArray[np.float64]

SURE: Final = 0.5
"""A joint of less visibility carries no remark; for the distance from references 0.3 is enough."""
_STEP: Final = 2
"""Of the 64 phases of `represent` every second one is measured."""
_LEAST_SHOWN: Final = 0.5
"""Share of the phases on which a quantity must be seen."""
_TAKES_PART: Final = 0.3
"""A side that moves less than this share of the other one rests: a curl of one arm."""


class Measured(NamedTuple):
    """Of R repetitions: value (R,), NaN where not seen, and the instant (R,) at which it was."""

    value: Array
    at_s: Array


class Measurer:
    """The quantities of some repetitions; a course is computed once."""

    def __init__(self, executions: Sequence[Execution]) -> None:
        self._times_s = np.stack([phase_times_s(each)[:-1:_STEP] for each in executions])
        resample = resampler(executions, self._times_s)
        seen = resample([each.visibility for each in executions])[..., None] >= SURE
        self._flat = np.where(seen, resample([each.flat for each in executions]), np.nan)
        self._flat *= np.array([1.0, -1.0])
        self._body = np.where(seen, resample([each.body for each in executions]), np.nan)
        starts = [(each.start_s, each.turn_s, each.end_s) for each in executions]
        self._starts_s, self._turns_s, self._ends_s = np.array(starts, np.float64).T
        self._views = np.array([each.view or "" for each in executions])
        self._courses: dict[tuple[str, bool], Array] = {}

    def __len__(self) -> int:
        return len(self._views)

    def of(self, rows: Sequence[int]) -> "Measurer":
        """Some of the repetitions."""
        part, index = copy(self), np.array(rows, np.intp)
        for name in ("_times_s", "_flat", "_body", "_starts_s", "_turns_s", "_ends_s", "_views"):
            setattr(part, name, getattr(self, name)[index])
        part._courses = {key: course[index] for key, course in self._courses.items()}
        return part

    def seen_from(self, views: Sequence[str]) -> npt.NDArray[np.bool_]:
        """(R,) whether the camera of a repetition stands there."""
        return np.isin(self._views, views)

    def from_views(self, of: Range) -> Measured:
        """What a range is about: in the picture or in space by the view, NaN from others."""
        seen, pictured = self.seen_from(of.views), self.seen_from(of.picture)
        value, at_s = np.full(len(self), np.nan), self._starts_s.copy()
        for picture, rows in ((True, pictured), (False, seen & ~pictured)):
            if rows.any():
                measured = self.measure(of.quantity, of.phase, picture)
                value[rows], at_s[rows] = measured.value[rows], measured.at_s[rows]
        return Measured(value, at_s)

    def measure(self, quantity: str, statistic: Statistic, picture: bool) -> Measured:
        """Every repetition, in the picture or in space."""
        if quantity in SCALARS:
            return Measured(self._scalar(quantity, picture), self._starts_s)
        course = self._course(quantity, picture)
        shown = np.isfinite(course)
        enough = shown.mean(axis=1) >= _LEAST_SHOWN  # (R, S)
        least = np.where(shown, course, np.inf).min(axis=1)
        most = np.where(shown, course, -np.inf).max(axis=1)
        span = np.where(enough, most - np.where(enough, least, 0.0), np.nan)
        part = enough & (span >= _TAKES_PART * np.nanmax(_or_zero(span), axis=1, keepdims=True))
        place = (
            np.where(shown, course, np.inf).argmin(axis=1)
            if statistic == "least"
            else np.where(shown, course, -np.inf).argmax(axis=1)
        )
        mean = np.where(shown, course, 0.0).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
        value = {"least": least, "most": most, "range": span, "mean": mean}[statistic]
        first = part.argmax(axis=1)[:, None]  # the right side where it takes part
        rows = np.take_along_axis(place, first, axis=1)
        at_s = np.take_along_axis(self._times_s, rows, axis=1)[:, 0]
        return Measured(_over_sides(value, part, quantity), at_s)

    def _course(self, quantity: str, picture: bool) -> Array:
        key = (quantity, picture)
        if key not in self._courses:
            self._courses[key] = COURSES[quantity](self._flat if picture else self._body)
        return self._courses[key]

    def _scalar(self, quantity: str, picture: bool) -> Array:
        if quantity == "arms_with_legs":
            arms, feet = (
                _mean_of_sides(self._course(name, picture)) for name in ("shoulder", "feet_apart")
            )
            return _correlation(arms, feet)
        if quantity.endswith("_sides"):
            return self._apart(quantity.removesuffix("_sides"), picture)
        first = self._turns_s if quantity == "back" else self._starts_s
        last = self._turns_s if quantity == "out" else self._ends_s
        span: Array = last - first
        return span

    def _apart(self, angle: str, picture: bool) -> Array:
        """How much further the right side moves than the left one: the difference of ranges."""
        course = self._course(angle, picture)
        enough = (np.isfinite(course).mean(axis=1) >= _LEAST_SHOWN).all(axis=1)
        least = np.where(np.isfinite(course), course, np.inf).min(axis=1)
        most = np.where(np.isfinite(course), course, -np.inf).max(axis=1)
        span = np.where(enough[:, None], most - np.where(enough[:, None], least, 0.0), np.nan)
        return span[:, 0] - span[:, 1]


def _or_zero(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _over_sides(value: Array, part: npt.NDArray[np.bool_], quantity: str) -> Array:
    """The mean of the sides that take part; of knees inward the worse one."""
    if quantity == "knee_inward":
        worst = np.where(part, value, -np.inf).max(axis=1)
        return np.where(part.any(axis=1), worst, np.nan)
    count = part.sum(axis=1)
    total = np.where(part, value, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _mean_of_sides(course: Array) -> Array:
    shown = np.isfinite(course)
    total = np.where(shown, course, 0.0).sum(axis=-1)
    return np.where(shown.any(axis=-1), total / np.maximum(shown.sum(axis=-1), 1), np.nan)


def _correlation(one: Array, other: Array) -> Array:
    """(R,) of two courses (R, P); NaN where one keeps still or too little is seen."""
    both = np.isfinite(one) & np.isfinite(other)
    count = np.maximum(both.sum(axis=1), 1)[:, None]
    parts = []
    for each in (one, other):
        kept = np.where(both, each, 0.0)
        parts.append(np.where(both, kept - kept.sum(axis=1, keepdims=True) / count, 0.0))
    size = np.sqrt((parts[0] ** 2).sum(axis=1) * (parts[1] ** 2).sum(axis=1))
    usable = (size > 0) & (both.mean(axis=1) >= _LEAST_SHOWN)
    return np.where(usable, (parts[0] * parts[1]).sum(axis=1) / np.where(usable, size, 1), np.nan)


def _angle(name: str) -> Callable[[Array], Array]:
    triples = [[JOINT[joint] for joint in ANGLES[f"{side}_{name}"]] for side in ("right", "left")]

    def course(joints: Array) -> Array:
        return np.stack([_at(*(joints[:, :, index] for index in each)) for each in triples], -1)

    return course


def _at(first: Array, middle: Array, last: Array) -> Array:
    """Angle at the middle point in degrees."""
    return _between(first - middle, last - middle)


def _between(one: Array, other: Array) -> Array:
    size = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosine = (one * other).sum(axis=-1) / np.where(size > 0, size, np.nan)
    angle: Array = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angle


def _sides(joints: Array, name: str) -> Array:
    """(R, P, 2, D) of a joint's right and left."""
    return joints[:, :, [JOINT[f"right_{name}"], JOINT[f"left_{name}"]]]


def _from_vertical(along: Array) -> Array:
    """Degrees from straight up; along (..., 2 or 3)."""
    size = np.linalg.norm(along, axis=-1)
    return np.degrees(np.arccos(np.clip(along[..., 1] / np.where(size > 0, size, np.nan), -1, 1)))


def _trunk_lean(joints: Array) -> Array:
    return _from_vertical(joints[:, :, JOINT["neck"]] - joints[:, :, JOINT["mid_hip"]])[..., None]


def _height(upper: str, lower: str) -> Callable[[Array], Array]:
    """A limb's angle over the horizontal, by how far its upper end is above its lower one.

    Heights alone, so that it does not matter from where a level camera looks; the limb is as long
    as it was seen at most.
    """

    def course(joints: Array) -> Array:
        limb = _sides(joints, upper) - _sides(joints, lower)
        seen = np.where(np.isfinite(limb[..., 1]), np.linalg.norm(limb, axis=-1), 0.0)
        length = seen.max(axis=1, keepdims=True)
        share = limb[..., 1] / np.where(length > 0, length, np.nan)
        return np.degrees(np.arcsin(np.clip(share, -1.0, 1.0)))

    return course


def _hip_line(joints: Array) -> Array:
    """Degrees by which the hip is off the line from shoulder to knee; above it is positive.

    To the knee, so that who does push-ups on the knees is judged alike.
    """
    shoulder, hip, knee = (_sides(joints, name) for name in ("shoulder", "hip", "knee"))
    bend = 180.0 - _at(shoulder, hip, knee)
    line = knee - shoulder
    square = (line**2).sum(axis=-1)
    share = ((hip - shoulder) * line).sum(axis=-1) / np.where(square > 0, square, np.nan)
    above = (hip - shoulder - share[..., None] * line)[..., 1]
    return np.where(above >= 0, bend, -bend)


def _knee_inward(joints: Array) -> Array:
    """The knee's offset from the line of hip and ankle towards the other leg, at the hip."""
    hip, knee, ankle = (_sides(joints, name) for name in ("hip", "knee", "ankle"))
    height = hip[..., 1] - ankle[..., 1]
    share = (hip[..., 1] - knee[..., 1]) / np.where(np.abs(height) > 0.1, height, np.nan)
    offset = knee[..., 0] - (hip[..., 0] + share * (ankle[..., 0] - hip[..., 0]))
    towards = np.sign(hip[..., ::-1, 0] - hip[..., 0])  # where the other leg is
    usual = BONE_LENGTHS["right_hip", "right_knee"]
    return np.degrees(np.arcsin(np.clip(offset * towards / usual, -1.0, 1.0)))


def _upper_arm(joints: Array) -> Array:
    """The upper arm's angle with the trunk, hanging 0; behind the trunk as in front of it."""
    trunk = joints[:, :, JOINT["mid_hip"]] - joints[:, :, JOINT["neck"]]
    return _between(_sides(joints, "elbow") - _sides(joints, "shoulder"), trunk[:, :, None])


def _head_over_hands(joints: Array) -> Array:
    nose = joints[:, :, JOINT["nose"], 1]
    return nose[..., None] - _sides(joints, "wrist")[..., 1]


def _hands_over_shoulders(joints: Array) -> Array:
    return (_sides(joints, "wrist") - _sides(joints, "shoulder"))[..., 1]


def _feet_apart(joints: Array) -> Array:
    feet = _sides(joints, "ankle")
    apart: Array = np.linalg.norm(feet[:, :, 0] - feet[:, :, 1], axis=-1)[..., None]
    return apart


COURSES: Final[Mapping[str, Callable[[Array], Array]]] = {
    "knee": _angle("knee"), "hip": _angle("hip"), "elbow": _angle("elbow"),
    "shoulder": _angle("shoulder"), "thigh": _height("hip", "knee"),
    "upper_arm_height": _height("shoulder", "elbow"), "hands_over_shoulders": _hands_over_shoulders,
    "trunk_lean": _trunk_lean,
    "hip_line": _hip_line, "knee_inward": _knee_inward, "upper_arm": _upper_arm,
    "head_over_hands": _head_over_hands, "feet_apart": _feet_apart,
}  # fmt: skip
"""Quantity -> its course over the repetition."""

JOINTS_OF: Final[Mapping[str, str]] = {
    "knee": "knee", "hip": "hip", "elbow": "elbow", "shoulder": "shoulder", "thigh": "hip",
    "knee_inward": "knee", "upper_arm": "shoulder", "hip_line": "hip", "feet_apart": "ankle",
    "upper_arm_height": "shoulder", "hands_over_shoulders": "wrist", "head_over_hands": "nose",
    "trunk_lean": "neck", "knee_sides": "knee", "elbow_sides": "elbow",
    "shoulder_sides": "shoulder", "hands_over_shoulders_sides": "wrist",
}  # fmt: skip
"""The joint that a remark on a quantity names; else it is of the whole body."""
