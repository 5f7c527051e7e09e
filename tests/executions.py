"""Executions of planar chains: torso 1, upper arm 0.6, forearm 0.5, thigh and shank 0.8 long.

Every angle goes from rest to the turn and back along a cosine, so its value at the turn is given.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import JOINT, MIRROR
from repscore.transforms.records import Repetition

Pose = Callable[[float], np.ndarray]


def figure(
    *,
    knees_deg: tuple[float, float] = (180.0, 180.0),
    elbows_deg: tuple[float, float] = (180.0, 180.0),
    lean_deg: float = 0.0,
    raise_deg: float = 0.0,
    spread_deg: float = 0.0,
    inward_deg: float = 0.0,
    leg: float = 0.8,
    arm: float = 0.6,
) -> np.ndarray:
    """A body (15, 3), x to its left, y up, z forward; pairs are (right, left).

    The trunk leans forward, the arms are raised forward or spread sideways from hanging, knees
    bend with hip over ankle and fall inwards by an angle at the hip.
    """
    body = np.zeros((15, 3))
    lean, lift, spread = np.radians([lean_deg, raise_deg, spread_deg])
    neck = np.array([0, np.cos(lean), np.sin(lean)])
    body[JOINT["neck"]], body[JOINT["nose"]] = neck, neck + np.array([0, 0.25, 0.05])
    for side, x, knee_deg, elbow_deg in zip(
        ("right", "left"), (-1, 1), knees_deg, elbows_deg, strict=True
    ):
        shoulder, hip = neck + np.array([0.35 * x, 0, 0]), np.array([0.2 * x, 0, 0])
        along = np.array(
            [x * np.sin(spread), -np.cos(spread) * np.cos(lift), np.cos(spread) * np.sin(lift)]
        )
        bend = np.radians(180 - elbow_deg)
        across = np.array([0, np.sin(lift), np.cos(lift)])
        elbow = shoulder + arm * along
        wrist = elbow + arm * (np.cos(bend) * along + np.sin(bend) * across)
        tilt = np.radians(180 - knee_deg) / 2
        knee = hip + leg * np.array([0, -np.cos(tilt), np.sin(tilt)])
        ankle = knee + leg * np.array([0, -np.cos(tilt), -np.sin(tilt)])
        knee = knee - np.array([x * leg * np.sin(np.radians(inward_deg)), 0, 0])
        places = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist,
                  "hip": hip, "knee": knee, "ankle": ankle}  # fmt: skip
        for kind, place in places.items():
            body[JOINT[f"{side}_{kind}"]] = place
    return body


def squat(
    bend_deg: float = 100.0, *, left_deg: float | None = None, inward_deg: float = 0.0,
    leg: float = 0.8, arm: float = 0.6,
) -> Pose:  # fmt: skip
    """The knees bend by an angle (the left one by its own), the trunk leans and arms rise along."""
    left = bend_deg if left_deg is None else left_deg
    return lambda u: figure(
        knees_deg=(180 - bend_deg * u, 180 - left * u),
        lean_deg=0.35 * bend_deg * u,
        raise_deg=0.6 * bend_deg * u,
        inward_deg=inward_deg * u,
        leg=leg,
        arm=arm,
    )


def curl(right_deg: float = 130.0, left_deg: float = 130.0) -> Pose:
    """The elbows bend by an angle from 170 degrees."""
    return lambda u: figure(elbows_deg=(170 - right_deg * u, 170 - left_deg * u))


def lateral_raise() -> Pose:
    """Straight arms rise sideways to the horizontal."""
    return lambda u: figure(spread_deg=90 * u)


def perform(
    pose: Pose, *, duration_s: float = 2.0, start_s: float = 0.0, turn: float = 0.5,
    fps: float = 30.0, noise: float = 0.0, seed: int = 0,
) -> Execution:  # fmt: skip
    """A repetition that turns after a share of its duration, seen obliquely and in space."""
    time_s = start_s + np.arange(round(duration_s * fps) + 1) / fps
    phase = np.interp((time_s - start_s) / duration_s, [0, turn, 1], [0, 0.5, 1])
    body = np.stack([pose(u) for u in (1 - np.cos(2 * np.pi * phase)) / 2])
    body = body + np.random.default_rng(seed).normal(0, 1, body.shape) * noise
    return Execution(
        start_s=start_s,
        turn_s=start_s + turn * duration_s,
        end_s=start_s + duration_s,
        time_s=time_s,
        flat=np.stack([(body[..., 2] - body[..., 0]) / np.sqrt(2), -body[..., 1]], -1).astype(
            np.float16
        ),
        body=body.astype(np.float16),
        visibility=np.ones(body.shape[:2], np.float16),
    )


def from_the_other_side(execution: Execution) -> Execution:
    """The mirrored person."""
    return replace(
        execution,
        body=execution.body[:, MIRROR] * np.array((-1, 1, 1), np.float16),
        flat=execution.flat[:, MIRROR] * np.array((-1, 1), np.float16),
        visibility=execution.visibility[:, MIRROR],
    )


def without_depth(execution: Execution) -> Execution:
    """What a source of pictures alone gives."""
    return replace(execution, body=np.full_like(execution.body, np.nan))


def without(execution: Execution, *joints: str) -> Execution:
    """The joints are never seen."""
    visibility = execution.visibility.copy()
    visibility[:, [JOINT[joint] for joint in joints]] = 0
    return replace(execution, visibility=visibility)


def repetition(start_s: float, end_s: float, person: int = 0, **changes: object) -> Repetition:
    """A repetition of which nothing but its place in time matters: one frame, nobody seen."""
    fields = {
        "person": person, "start_s": start_s, "turn_s": start_s, "end_s": end_s, "hold_s": 0.25,
        "amplitude_torsos": 1.0, "confidence": 1.0, "concentric_s": None, "eccentric_s": None,
        "range_of_motion_deg": None, "symmetry": None, "pose_coverage": 1.0,
        "time_s": np.array([start_s]), "flat": np.zeros((1, 15, 2), np.float16),
        "body": np.zeros((1, 15, 3), np.float16), "visibility": np.zeros((1, 15), np.float16),
    }  # fmt: skip
    return Repetition(**{**fields, **changes})
