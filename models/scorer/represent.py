"""A repetition of any length as a phase-aligned tensor that a scorer can compare.

Both sources of coordinates have channels of their own, since a picture and a body in space do not
compare: `body` (angles, knees inward, directions of bones in space) and `flat` (angles and joint
positions in the picture). Directions, unlike positions, do not know how long a person's limbs are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import ANGLES, BONES, JOINT, JOINTS, MIRROR, joint_angles_deg

PHASE_SAMPLES: Final = 64
TURN: Final = 32
"""Phases 0..31 lead from the start to the turn, 32..63 from the turn (phase 32) to the end."""

VISIBLE: Final = 0.3
"""A joint below this visibility is not seen: its position is the estimator's guess."""

Window = Literal["out", "turn", "back"]
WINDOWS: Final[Mapping[Window, tuple[int, int]]] = {
    "out": (0, 28), "turn": (28, 37), "back": (37, 64),
}  # fmt: skip
"""Half-open spans of phases that are compared and spoken of; the turn takes a seventh."""

Floats = npt.NDArray[np.floating]
Source = Literal["body", "flat"]
Quantity = Literal["angle", "knee inward", "direction", "position"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Execution:
    """One repetition: normalised joints on a grid of instants, and its window [start_s, end_s).

    Attributes:
        turn_s: the turning point between going out and coming back, the middle of the hold.
        time_s: (T,) increasing; may reach beyond the window.
        flat: (T, 15, 2) x right, y down, origin mid-hip, torso length one; NaN where missing.
        body: (T, 15, 3) x the person's left, y up, z forward, in the same units; NaN without depth.
        visibility: (T, 15) 0..1.
        view: `front`, `back`, `side`, `oblique`, or None where it is not known.
    """

    start_s: float
    turn_s: float
    end_s: float
    time_s: Floats
    flat: Floats
    body: Floats
    visibility: Floats
    view: str | None = None

    def __post_init__(self) -> None:
        frames = len(self.time_s)
        expected = ((frames, 15, 2), (frames, 15, 3), (frames, 15))
        found = (self.flat.shape, self.body.shape, self.visibility.shape)
        if found != expected or frames == 0:
            raise ValueError(f"expected flat, body, visibility {expected}, found {found}")
        if not self.start_s <= self.turn_s <= self.end_s or self.start_s == self.end_s:
            raise ValueError(
                f"a repetition starts, turns, ends: {self.start_s}, {self.turn_s}, {self.end_s}"
            )


class Group(NamedTuple):
    """Channels that belong together: one quantity of one joint, with one to three axes."""

    source: Source
    quantity: Quantity
    joint: str
    axes: int


# The end that names a bone: the far one, seen from the mid-hip. The trunk is named by the neck.
BONE_JOINTS: Final = tuple(JOINTS[a if JOINTS[b] in ("neck", "mid_hip") else b] for a, b in BONES)
_POSITIONS: Final = tuple(name for name in JOINTS if name != "mid_hip")  # the origin is always 0

GROUPS: Final[tuple[Group, ...]] = (
    *(Group("body", "angle", name, 1) for name in ANGLES),
    *(Group("body", "knee inward", name, 1) for name in ("right_knee", "left_knee")),
    *(Group("body", "direction", name, 3) for name in BONE_JOINTS),
    *(Group("flat", "angle", name, 1) for name in ANGLES),
    *(Group("flat", "position", name, 2) for name in _POSITIONS),
)
GROUP_OF: Final = np.repeat(np.arange(len(GROUPS)), [group.axes for group in GROUPS])
"""(C,) the group of each channel; a group's channels lie side by side."""

CHANNELS: Final = len(GROUP_OF)
FIRST: Final = np.searchsorted(GROUP_OF, np.arange(len(GROUPS)))
"""(G,) the first channel of each group."""

IS_BODY: Final = np.array([group.source == "body" for group in GROUPS])
"""(G,) the groups measured in space; the others are measured in the picture."""


def mirrored_name(joint: str) -> str:
    """The joint on the other side; a joint in the middle is its own mirror."""
    return JOINTS[MIRROR[JOINT[joint]]]


def _mirror() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    where = {group: index for index, group in enumerate(GROUPS)}
    source, sign = [], []
    for group in GROUPS:
        other = FIRST[where[group._replace(joint=mirrored_name(group.joint))]]
        for axis in range(group.axes):
            source.append(other + axis)
            sign.append(-1.0 if group.axes > 1 and axis == 0 else 1.0)
    return np.array(source), np.array(sign, np.float32)


MIRROR_CHANNEL, MIRROR_SIGN = _mirror()
"""(C,) channel c of the mirrored repetition is MIRROR_SIGN[c] * channel MIRROR_CHANNEL[c]."""

MIRROR_GROUP: Final = GROUP_OF[MIRROR_CHANNEL[FIRST]]
"""(G,) the group on the other side."""


@dataclass(frozen=True, eq=False)
class Phases:
    """R repetitions in 64 phases each.

    Attributes:
        values: (R, 64, C) float32; degrees, components of unit vectors, torso lengths; 0 where
            the mask is False.
        mask: (R, 64, C) bool, measured there; equal over the axes of a group.
        log_duration: (R, 3) float32, natural logarithm of the seconds that the repetition, its
            way out and its way back last (at least 10 ms each).
    """

    values: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    log_duration: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)


def row(phases: Phases, index: int) -> Phases:
    """One repetition (R = 1) of several."""
    one = slice(index, index + 1)
    return Phases(phases.values[one], phases.mask[one], phases.log_duration[one])


def mirror(phases: Phases) -> Phases:
    """The same repetitions with left and right exchanged."""
    values = phases.values[..., MIRROR_CHANNEL] * MIRROR_SIGN
    return Phases(values, phases.mask[..., MIRROR_CHANNEL], phases.log_duration)


def phase_times_s(execution: Execution) -> npt.NDArray[np.float64]:
    """(65,) the instants of the phases, and the end: tempo drops out on either side of the turn."""
    out = np.linspace(execution.start_s, execution.turn_s, TURN, endpoint=False)
    back = np.linspace(execution.turn_s, execution.end_s, PHASE_SAMPLES - TURN + 1)
    return np.concatenate([out, back])


def represent(executions: Sequence[Execution]) -> Phases:
    """Repetitions of any lengths as phases; linear between frames, nothing across a gap."""
    if not executions:
        empty = np.zeros((0, PHASE_SAMPLES, CHANNELS))
        return Phases(empty.astype(np.float32), empty.astype(bool), np.zeros((0, 3), np.float32))
    times_s = np.stack([phase_times_s(e)[:PHASE_SAMPLES] for e in executions])  # (R, 64)
    resample = resampler(executions, times_s)
    body, flat, visibility = (
        resample([getattr(e, name) for e in executions]) for name in ("body", "flat", "visibility")
    )
    seen = visibility >= VISIBLE  # NaN is not seen
    body = np.where(seen[..., None], body, np.nan)
    flat = np.where(seen[..., None], flat, np.nan) * np.array([1.0, -1.0])  # y up, as in `body`
    values = np.concatenate(
        [
            _angles_deg(body),
            _knees_inward_deg(body),
            _directions(body),
            _angles_deg(flat),
            flat[:, :, [JOINT[name] for name in _POSITIONS]].reshape(*flat.shape[:2], -1),
        ],
        axis=-1,
    )
    # A group with one axis missing is missing.
    whole = np.logical_and.reduceat(np.isfinite(values), FIRST, axis=-1)
    mask = whole[..., GROUP_OF]
    spans_s = [(e.end_s - e.start_s, e.turn_s - e.start_s, e.end_s - e.turn_s) for e in executions]
    return Phases(
        values=np.where(mask, values, 0.0).astype(np.float32),
        mask=mask,
        log_duration=np.log(np.maximum(np.array(spans_s), 0.01)).astype(np.float32),
    )


def resampler(
    executions: Sequence[Execution], instants_s: npt.NDArray[np.float64]
) -> Callable[[Sequence[Floats]], Floats]:
    """A function from frames (T, ...) of each execution to (R, I, ...) at its instants (R, I).

    Linear between frames, NaN where one of the two is. One gather for all executions: their frames
    lie end to end. An instant before the first or after the last frame takes that frame where it is
    at most one step away, else NaN.
    """
    lengths = np.array([len(e.time_s) for e in executions])
    starts = np.cumsum(lengths) - lengths
    time_s = np.concatenate([np.asarray(e.time_s, np.float64) for e in executions])
    after = np.stack(
        [
            start + np.searchsorted(e.time_s, row)
            for e, row, start in zip(executions, instants_s, starts, strict=True)
        ]
    )
    first, last = starts[:, None], (starts + lengths - 1)[:, None]
    left, right = np.clip(after - 1, first, last), np.clip(after, first, last)
    gap_s = time_s[right] - time_s[left]
    share = np.where(gap_s > 0, (instants_s - time_s[left]) / np.where(gap_s > 0, gap_s, 1.0), 0.0)
    step_s = (time_s[last] - time_s[first]) / np.maximum(last - first, 1)
    near = np.maximum(time_s[first] - instants_s, instants_s - time_s[last]) <= step_s + 1e-9

    def resample(frames: Sequence[Floats]) -> Floats:
        joined = np.concatenate([np.asarray(each, np.float64) for each in frames])
        shape = (*share.shape, *(1,) * (joined.ndim - 1))
        low, high, weight = joined[left], joined[right], share.reshape(shape)
        between = np.where(weight == 1.0, high, low + (high - low) * weight)
        return np.where(near.reshape(shape), between, np.nan)

    return resample


def _angles_deg(joints: Floats) -> Floats:
    rows, phases, count, axes = joints.shape
    return joint_angles_deg(joints.reshape(-1, count, axes)).reshape(rows, phases, len(ANGLES))


def _directions(body: Floats) -> Floats:
    """(R, 64, 14 * 3) unit vectors along the bones."""
    bones = np.array(BONES)
    along = body[:, :, bones[:, 1]] - body[:, :, bones[:, 0]]
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    unit: Floats = along / np.where(length > 0, length, np.nan)
    return unit.reshape(*body.shape[:2], -1)


def _knees_inward_deg(body: Floats) -> Floats:
    """(R, 64, 2) how far the right and left thigh lean inwards out of the leg's line, in degrees.

    The knee's sideways offset from the line between hip and ankle, as the angle that it makes at
    the hip; towards the middle of the body is positive.
    """
    sides = []
    for side, inward in (("right", 1.0), ("left", -1.0)):  # x points to the person's left
        hip, knee, ankle = (
            body[:, :, JOINT[f"{side}_{name}"]] for name in ("hip", "knee", "ankle")
        )
        leg, thigh = ankle - hip, knee - hip
        leg_square = (leg**2).sum(axis=-1)
        share = (thigh * leg).sum(axis=-1) / np.where(leg_square > 0, leg_square, np.nan)
        offset = inward * (thigh - share[..., None] * leg)[..., 0]
        length = np.linalg.norm(thigh, axis=-1)
        sine = offset / np.where(length > 0, length, np.nan)
        sides.append(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))
    return np.stack(sides, axis=-1)
