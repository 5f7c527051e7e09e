"""The athlete's body: proportions, the points of the figure, and how a pose is put together.

World axes: x to the left of a person who looks along z, y up, metres, the floor at y = 0. The two
sides of the body are axis S of length 2: right, then left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import JOINTS

Array = npt.NDArray[np.float64]

POINTS: Final = (
    *JOINTS,
    "head",
    "right_hand", "left_hand",
    "right_heel", "left_heel",
    "right_toe", "left_toe",
)  # fmt: skip
"""The canonical joints, then what drawing needs besides."""

POINT: Final[Mapping[str, int]] = {name: index for index, name in enumerate(POINTS)}

SIDE: Final = np.array([-1.0, 1.0])
"""The sign of x on the right and on the left."""


@dataclass(frozen=True, slots=True)
class Body:
    """Proportions; the ratios are multiples of the average adult's at the same height.

    Averages are shares of stature after Drillis and Contini (1966), as in Winter, Biomechanics
    and Motor Control of Human Movement. They are not `skeleton.BONE_LENGTHS`, which are lengths
    between the points that pose networks mark.
    """

    height_m: float = 1.75
    leg_ratio: float = 1.0
    arm_ratio: float = 1.0
    shoulder_ratio: float = 1.0
    hip_ratio: float = 1.0
    girth: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.5 <= value <= 2.5:
                raise ValueError(f"{field.name} of a body is {value}; expected 0.5 to 2.5")

    @property
    def thigh_m(self) -> float:
        """Hip to knee."""
        return 0.245 * self.height_m * self.leg_ratio

    @property
    def shank_m(self) -> float:
        """Knee to ankle."""
        return 0.246 * self.height_m * self.leg_ratio

    @property
    def ankle_m(self) -> float:
        """Height of the ankle above the sole."""
        return 0.042 * self.height_m

    @property
    def foot_m(self) -> float:
        """Heel to toe."""
        return 0.148 * self.height_m

    @property
    def torso_m(self) -> float:
        """Middle of the hips to the middle of the shoulders."""
        return 0.288 * self.height_m

    @property
    def shoulder_m(self) -> float:
        """Middle of the shoulders to one shoulder."""
        return 0.105 * self.height_m * self.shoulder_ratio

    @property
    def hip_m(self) -> float:
        """Middle of the hips to one hip."""
        return 0.058 * self.height_m * self.hip_ratio

    @property
    def upper_arm_m(self) -> float:
        """Shoulder to elbow."""
        return 0.172 * self.height_m * self.arm_ratio

    @property
    def forearm_m(self) -> float:
        """Elbow to wrist."""
        return 0.148 * self.height_m * self.arm_ratio

    @property
    def hand_m(self) -> float:
        """Wrist to knuckles, half-closed hand."""
        return 0.060 * self.height_m


@dataclass(frozen=True, eq=False)
class Figure:
    """The athlete at N instants.

    Attributes:
        points: (N, len(POINTS), 3), metres.
        trunk: (N, 3, 3), columns point to the trunk's left, up (to the neck) and front.
        head: (N, 3, 3), the same of the head.
    """

    points: Array
    trunk: Array
    head: Array

    @property
    def joints(self) -> Array:
        """The 15 canonical joints (N, 15, 3)."""
        return self.points[:, : len(JOINTS)]


def unit(vector: Array) -> Array:
    """Vectors (..., 3) of length one."""
    scaled: Array = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return scaled


def vectors(x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike) -> Array:
    """Three broadcastable coordinates as one array (..., 3)."""
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float64)


def turned(pitch_rad: npt.ArrayLike, roll_rad: npt.ArrayLike) -> Array:
    """Axes (N, 3, 3) pitched forward about x, then rolled to the left about z."""
    sp, cp, sr, cr = np.sin(pitch_rad), np.cos(pitch_rad), np.sin(roll_rad), np.cos(roll_rad)
    zero = 0.0 * (sp + sr)
    left, up = vectors(cr, -sr, zero), vectors(sr * cp, cr * cp, sp)
    return np.stack([left, up, np.cross(left, up)], axis=-1)


def two_bones(
    root: Array, target: Array, first_m: float, second_m: float, pole: Array
) -> tuple[Array, Array]:
    """Middle and end of a chain from root towards target, bent to the pole's side.

    All (..., 3). The end is the target unless that is out of reach; lengths hold always.
    """
    to_target = target - root
    far = np.linalg.norm(to_target, axis=-1, keepdims=True)
    axis = to_target / far
    reach = np.clip(far, abs(first_m - second_m) + 1e-6, first_m + second_m - 1e-6)
    along = (first_m**2 - second_m**2 + reach**2) / (2.0 * reach)
    across = np.sqrt(np.maximum(first_m**2 - along**2, 0.0))
    bend = unit(pole - (pole * axis).sum(axis=-1, keepdims=True) * axis)
    return root + along * axis + across * bend, root + reach * axis


def sides_of(body_m: float, middle: Array, axes: Array) -> Array:
    """Points (N, S, 3) at body_m to the right and to the left of the middle (N, 3)."""
    return middle[:, None] + SIDE[:, None] * body_m * axes[:, None, :, 0]


def shoulders_of(body: Body, mid_hip: Array, trunk: Array) -> Array:
    """Both shoulders (N, S, 3) of a trunk (N, 3, 3) on its hips (N, 3)."""
    return sides_of(body.shoulder_m, mid_hip + body.torso_m * trunk[:, :, 1], trunk)


def in_frame(axes: Array, local: Array) -> Array:
    """Vectors (N, S, 3) given along the axes (N, 3, 3), in the world."""
    turned_vectors: Array = np.einsum("nij,nsj->nsi", axes, local)
    return turned_vectors


def assemble(
    body: Body,
    mid_hip: Array,
    trunk: Array,
    head: Array,
    arms: tuple[Array, Array, Array],
    legs: tuple[Array, Array],
    feet: tuple[Array, Array],
) -> Figure:
    """All points from the trunk's place and the limbs.

    Args:
        body: the proportions.
        mid_hip: (N, 3).
        trunk: (N, 3, 3).
        head: (N, 3, 3).
        arms: elbows, wrists and directions of the hands, each (N, S, 3).
        legs: knees and ankles, each (N, S, 3).
        feet: directions from heel to toe and from sole to instep, each (N, S, 3).
    """
    neck = mid_hip + body.torso_m * trunk[:, :, 1]
    shoulders, hips = shoulders_of(body, mid_hip, trunk), sides_of(body.hip_m, mid_hip, trunk)
    elbows, wrists, hand = arms
    knees, ankles = legs
    forward, instep = feet
    sole = ankles - body.ankle_m * instep
    size = body.height_m / 1.75
    skull = neck + size * (0.205 * head[:, :, 1] + 0.018 * head[:, :, 2])
    nose = neck + size * (0.188 * head[:, :, 1] + 0.128 * head[:, :, 2])
    pairs = {
        "shoulder": shoulders, "elbow": elbows, "wrist": wrists,
        "hip": hips, "knee": knees, "ankle": ankles,
        "hand": wrists + body.hand_m * hand,
        "heel": sole - 0.27 * body.foot_m * forward, "toe": sole + 0.73 * body.foot_m * forward,
    }  # fmt: skip
    named = {"nose": nose, "neck": neck, "mid_hip": mid_hip, "head": skull}
    for name, pair in pairs.items():
        named |= {f"right_{name}": pair[:, 0], f"left_{name}": pair[:, 1]}
    return Figure(np.stack([named[name] for name in POINTS], axis=1), trunk, head)
