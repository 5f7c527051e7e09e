"""How each exercise moves the figure, cleanly or with faults: depth in, joints out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np

from repscore.pipelines.demo.figure import (
    SIDE,
    Array,
    Body,
    Figure,
    assemble,
    in_frame,
    shoulders_of,
    sides_of,
    turned,
    two_bones,
    unit,
    vectors,
)

Exercise = Literal["squat", "push_up", "jumping_jack", "biceps_curl", "shoulder_press"]

MAIN_ANGLE: Final[Mapping[Exercise, str]] = {
    "squat": "knee",
    "push_up": "elbow",
    "jumping_jack": "shoulder",
    "biceps_curl": "elbow",
    "shoulder_press": "shoulder",
}
"""The joint that tells how far a repetition has gone; `right_` or `left_` goes before it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with an execution; 0 is clean.

    Attributes:
        short_range: 0..1, share of the range that is missing.
        asymmetry: -1..1, share of the range that the right side (positive) or the left side
            (negative) does not do.
        too_fast: 0..1, share of the time that is missing.
        knees_inward: 0..1, how far the knees fall inward at the deepest point (squat).
        swing: 0..1, how far the trunk throws itself back to help the arms (curl, press).
    """

    short_range: float = 0.0
    asymmetry: float = 0.0
    too_fast: float = 0.0
    knees_inward: float = 0.0
    swing: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low = -1.0 if field.name == "asymmetry" else 0.0
            if not low <= value < 1.0 + 1e-9:
                raise ValueError(f"fault {field.name} is {value}; expected {low:g} to 1")
        if max(self.short_range, self.too_fast) > 0.9:
            raise ValueError("a fault of more than 0.9 leaves no repetition to see")

    @property
    def label(self) -> str:
        """Names of the faults, joined by `+`, or `clean`."""
        return (
            "+".join(field.name for field in fields(self) if getattr(self, field.name)) or "clean"
        )


_Arms = Callable[[Array], tuple[Array, Array, Array]]
"""From the shoulders (N, S, 3) to elbows, wrists and directions of the hands."""


@dataclass(frozen=True, eq=False)
class Drive:
    """What moves the figure: shares of the full range, whole (N,) and per side (N, S)."""

    depth: Array
    sides: Array
    progress: Array  # (N,) share of this repetition's own range
    sway: Array  # (N, 4) in -1..1: sideways, pitch, roll, head
    faults: Faults


def _planted(
    body: Body, drive: Drive, knee_deg: Array, back_m: Array, half_stance_m: float
) -> tuple[Array, Array, Array]:
    """Hip middle (N, 3), feet's direction (S, 3) and ankles (N, S, 3) of a standing person.

    The height of the hips follows from the knees' angle; feet stay where they are.
    """
    knee = np.radians(knee_deg)
    thigh, shank = body.thigh_m, body.shank_m
    reach = np.sqrt(thigh**2 + shank**2 - 2 * thigh * shank * np.cos(knee))
    aside = half_stance_m - body.hip_m
    up = np.sqrt(reach**2 - back_m**2 - aside**2)
    sideways = 0.07 * drive.faults.asymmetry * drive.depth + 0.006 * drive.sway[:, 0]
    mid_hip = vectors(sideways, body.ankle_m + up, -back_m)
    ankles = vectors(SIDE * half_stance_m, body.ankle_m, 0.0)
    toe_out = np.radians(18.0)
    forward = vectors(SIDE * np.sin(toe_out), 0.0, np.cos(toe_out))
    return mid_hip, forward, np.broadcast_to(ankles, (len(mid_hip), 2, 3))


def _stand(
    body: Body,
    drive: Drive,
    *,
    knee_deg: Array,
    back_m: Array,
    half_stance_m: float,
    trunk: Array,
    gaze: Array,
    arms: _Arms,
) -> Figure:
    """A person who stands on both feet."""
    mid_hip, forward, ankles = _planted(body, drive, knee_deg, back_m, half_stance_m)
    hips = sides_of(body.hip_m, mid_hip, trunk)
    outward = 0.30 - 0.66 * drive.faults.knees_inward * drive.depth
    pole = vectors(SIDE * outward[:, None], 0.0, 1.0)
    legs = two_bones(hips, ankles, body.thigh_m, body.shank_m, pole)
    instep = vectors(0.0, 1.0, np.zeros((len(mid_hip), 2)))
    feet = (np.broadcast_to(forward, instep.shape), instep)
    return assemble(
        body, mid_hip, trunk, gaze, arms(shoulders_of(body, mid_hip, trunk)), legs, feet
    )


def _stand_still(
    body: Body, drive: Drive, half_stance_m: float, trunk: Array, gaze: Array, arms: _Arms
) -> Figure:
    """A person whose arms alone move."""
    still = np.zeros_like(drive.depth)
    return _stand(
        body, drive, knee_deg=still + 170.0, back_m=still + 0.01, half_stance_m=half_stance_m,
        trunk=trunk, gaze=gaze, arms=arms,
    )  # fmt: skip


def _swung(body: Body, shoulders: Array, upper: Array, fore: Array) -> tuple[Array, Array, Array]:
    """Arms along the given directions (N, S, 3); hands go on where the forearms point."""
    elbows = shoulders + body.upper_arm_m * unit(upper)
    return elbows, elbows + body.forearm_m * unit(fore), unit(fore)


def _upright(drive: Drive) -> tuple[Array, Array]:
    """Trunk and head of a person who stands straight, with sway and the faults of the trunk."""
    swing = drive.faults.swing * drive.progress
    roll = np.radians(1.0 * drive.sway[:, 2] - 5.0 * drive.faults.asymmetry * drive.depth)
    trunk = turned(np.radians(2.0 + drive.sway[:, 1] - 16.0 * swing), roll)
    head = turned(np.radians(3.0 + 2.0 * drive.sway[:, 3] - 5.0 * swing), 0.5 * roll)
    return trunk, head


def _squat(body: Body, drive: Drive) -> Figure:
    depth = drive.depth
    lean = 4.0 + 36.0 * depth + drive.sway[:, 1]
    roll = np.radians(0.8 * drive.sway[:, 2] + 6.0 * drive.faults.asymmetry * depth)
    trunk = turned(np.radians(lean), roll)
    head = turned(np.radians(3.0 + 0.25 * lean + drive.sway[:, 3]), 0.5 * roll)

    def arms(shoulders: Array) -> tuple[Array, Array, Array]:
        lift = np.radians(12.0 + 72.0 * depth)[:, None]
        upper = vectors(SIDE * 0.16, -np.cos(lift), np.sin(lift))
        fore = vectors(SIDE * 0.02, -np.cos(lift + 0.2), np.sin(lift + 0.2))
        return _swung(body, shoulders, upper, fore)

    return _stand(
        body,
        drive,
        knee_deg=170.0 - 94.0 * depth,
        back_m=(0.01 + 0.125 * depth) * body.height_m,
        half_stance_m=0.098 * body.height_m,
        trunk=trunk,
        gaze=head,
        arms=arms,
    )


def _biceps_curl(body: Body, drive: Drive) -> Figure:
    trunk, head = _upright(drive)

    def arms(shoulders: Array) -> tuple[Array, Array, Array]:
        lift = np.radians(2.0 + 14.0 * drive.sides)
        flexed = lift + np.radians(14.0 + 122.0 * drive.sides)
        upper = vectors(SIDE * 0.17, -np.cos(lift), np.sin(lift))
        fore = vectors(SIDE * 0.14, -np.cos(flexed), np.sin(flexed))
        return _swung(body, shoulders, in_frame(trunk, upper), in_frame(trunk, fore))

    return _stand_still(body, drive, 0.072 * body.height_m, trunk, head, arms)


def _shoulder_press(body: Body, drive: Drive) -> Figure:
    trunk, head = _upright(drive)

    def arms(shoulders: Array) -> tuple[Array, Array, Array]:
        length = body.upper_arm_m + body.forearm_m
        share = drive.sides[:, :, None]
        racked = vectors(SIDE * 0.36, 0.14, np.full_like(drive.sides, 0.14))
        overhead = vectors(SIDE * 0.10, 0.96, np.full_like(drive.sides, 0.03))
        wrists = shoulders + length * in_frame(trunk, racked + share * (overhead - racked))
        pole = vectors(SIDE, -0.75, np.full_like(drive.sides, 0.25))
        elbows, wrists = two_bones(
            shoulders, wrists, body.upper_arm_m, body.forearm_m, in_frame(trunk, pole)
        )
        return elbows, wrists, unit(wrists - elbows)

    return _stand_still(body, drive, 0.075 * body.height_m, trunk, head, arms)


def _jumping_jack(body: Body, drive: Drive) -> Figure:
    trunk, head = _upright(drive)
    apart = np.radians(3.0 + 21.0 * drive.sides)
    leg = 0.99 * (body.thigh_m + body.shank_m)
    hop = 0.045 * 4.0 * drive.progress * (1.0 - drive.progress)
    # The leg that reaches lower carries the hips; the feet leave the floor on the way.
    up = body.ankle_m + leg * np.cos(apart).max(axis=1) + hop
    mid_hip = vectors(0.006 * drive.sway[:, 0], up, 0.0)
    hips = sides_of(body.hip_m, mid_hip, trunk)
    target = hips + leg * vectors(SIDE * np.sin(apart), -np.cos(apart), 0.0)
    ahead = vectors(SIDE * 0.25, 0.0, np.ones_like(apart))
    legs = two_bones(hips, target, body.thigh_m, body.shank_m, ahead)
    raised = np.radians(14.0 + 152.0 * drive.sides)
    upper = vectors(SIDE * np.sin(raised), -np.cos(raised), np.full_like(raised, 0.10))
    bent = raised + np.radians(12.0)
    fore = vectors(SIDE * np.sin(bent), -np.cos(bent), np.full_like(raised, 0.16))
    arms = _swung(body, shoulders_of(body, mid_hip, trunk), upper, fore)
    toe_out = np.broadcast_to(np.radians(20.0), apart.shape)
    forward = vectors(SIDE * np.sin(toe_out), 0.0, np.cos(toe_out))
    return assemble(body, mid_hip, trunk, head, arms, legs, (forward, vectors(0 * apart, 1.0, 0.0)))


def _push_up(body: Body, drive: Drive) -> Figure:
    count = len(drive.depth)
    leg = np.sqrt((0.995 * (body.thigh_m + body.shank_m)) ** 2 - (0.02 * body.height_m) ** 2)
    line = leg + body.torso_m
    arm = body.upper_arm_m + body.forearm_m
    forward, instep = unit(np.array([0.0, -0.93, 0.37])), unit(np.array([0.0, 0.37, 0.93]))
    ankle_y = 0.73 * body.foot_m * 0.93 + body.ankle_m * 0.37 + 0.01
    wrist_x, wrist_y = 1.3 * body.shoulder_m, 0.045
    # Arms all but straight at the top, the chest a hand's breadth above the floor at the bottom.
    top = wrist_y + np.sqrt((0.985 * arm) ** 2 - (wrist_x - body.shoulder_m) ** 2)
    bottom = wrist_y + 0.36 * arm
    height = top + (bottom - top) * drive.depth + 0.003 * drive.sway[:, 0]
    slope = np.arcsin((height - ankle_y) / line)
    hands_z = np.sqrt(line**2 - (top - ankle_y) ** 2) - 0.02 * body.height_m
    middle = np.array([0.0, ankle_y, 0.0])
    along = vectors(0.0, np.sin(slope), np.cos(slope))
    twist = np.radians(16.0 * drive.faults.asymmetry * drive.depth)
    face_down = vectors(0.0, -np.cos(slope), np.sin(slope))
    sideways = np.broadcast_to([1.0, 0.0, 0.0], along.shape)
    turn_x, turn_f = np.cos(twist)[:, None], np.sin(twist)[:, None]
    left, front = turn_x * sideways + turn_f * face_down, turn_x * face_down - turn_f * sideways
    trunk = np.stack([left, along, front], axis=-1)
    mid_hip = middle + leg * along
    tilt = np.radians(24.0 + 4.0 * drive.sway[:, 3])[:, None]
    up = np.cos(tilt) * along - np.sin(tilt) * face_down
    ahead = np.cos(tilt) * face_down + np.sin(tilt) * along
    head = np.stack([sideways, up, ahead], axis=-1)
    shoulders = shoulders_of(body, mid_hip, trunk)
    hands = vectors(SIDE * wrist_x, wrist_y, np.full((count, 2), hands_z))
    pole = vectors(SIDE * 0.75, 0.25, np.full((count, 2), -0.65))
    elbows, wrists = two_bones(shoulders, hands, body.upper_arm_m, body.forearm_m, pole)
    flat = np.broadcast_to(unit(np.array([0.0, -0.15, 1.0])), wrists.shape)
    ankles = np.broadcast_to(
        middle + np.outer(SIDE, [0.045 * body.height_m, 0.0, 0.0]), (count, 2, 3)
    )
    hips = sides_of(body.hip_m, mid_hip, trunk)
    legs = two_bones(hips, ankles, body.thigh_m, body.shank_m, front[:, None])
    feet = (np.broadcast_to(forward, wrists.shape), np.broadcast_to(instep, wrists.shape))
    return assemble(body, mid_hip, trunk, head, (elbows, wrists, flat), legs, feet)


POSE: Final[Mapping[Exercise, Callable[[Body, Drive], Figure]]] = {
    "squat": _squat,
    "push_up": _push_up,
    "jumping_jack": _jumping_jack,
    "biceps_curl": _biceps_curl,
    "shoulder_press": _shoulder_press,
}
"""What each exercise looks like at N instants."""
