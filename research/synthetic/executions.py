"""Synthetic executions of known exercises: a small archive does not show all their forms.

Postures are sampled from wide ranges (exercises.py) for bodies of various proportions before
cameras all around, so that a network which learns from dozens of people does not take their habits
for the exercise.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from repscore.models.scorer.examples import Example
from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import BONE_LENGTHS, JOINT
from repscore.transforms.repetitions.clean import RATE_HZ
from research.synthetic.exercises import POSTURES
from research.synthetic.postures import SHOULDERS, Array, Draw, Posture, leant

_SIDES: Final = (("right", -1), ("left", 1))
_LIMBS: Final = (
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
)  # fmt: skip


def synthetic_executions(exercises: Sequence[str], count: int, seed: int) -> list[Example]:
    """So many executions of each of the exercises that are known here, each of another person.

    Raises ValueError where executions are wanted and none of the exercises is known.
    """
    known = [name for name in exercises if name in POSTURES]
    if count and not known:
        raise ValueError(
            f"expected some of the exercises {', '.join(POSTURES)}, which can be synthesised; "
            f"found {', '.join(exercises)}: leave --synthetic out"
        )
    return [example for name in known for example in _people(name, count, seed)]


def outliers(exercises: Sequence[str], count: int, seed: int) -> list[Example]:
    """So many executions of each exercise that is known here and is none of these."""
    people = [each for name in others_than(exercises) for each in _people(name, count, seed)]
    return [replace(example, exercise=None) for example in people]


def others_than(exercises: Sequence[str]) -> list[str]:
    """Exercises that are known here and are none of these, whatever name these have."""
    taken = {POSTURES[name] for name in exercises if name in POSTURES}
    rest = {posture: name for name, posture in POSTURES.items() if posture not in taken}
    return [*rest.values()]


def _people(name: str, count: int, seed: int) -> list[Example]:
    rng = np.random.default_rng([seed, *name.encode()])  # whatever else is synthesised
    return [
        Example(f"synthetic {name} {number}", name, None, _execution(POSTURES[name], rng))
        for number in range(count)
    ]


def _execution(posture: Callable[[Array, Draw], Posture], rng: np.random.Generator) -> Execution:
    """From one extreme to the other and back, in space and before some camera."""
    count = int(np.exp(rng.uniform(np.log(0.8), np.log(5.0))) * RATE_HZ)
    phase = (np.arange(count) / count) ** np.exp(rng.normal(0, 0.2))
    begun = 0.0 if rng.random() < 0.75 else 0.5  # some count from the deepest point
    course = (1 - np.cos(2 * np.pi * (phase + begun))) / 2
    course = course ** np.exp(rng.normal(0, 0.3))
    body = _tilted(_joints(posture(course, rng.uniform), rng), rng)
    time_s = np.arange(count) / RATE_HZ
    return Execution(
        start_s=0.0,
        turn_s=float(time_s[np.abs(course - course[0]).argmax()]),
        end_s=count / RATE_HZ,
        time_s=time_s,
        flat=_pictured(body, rng),
        body=_guessed(body, rng),
        visibility=np.ones(body.shape[:2]),
    )


def _joints(posture: Posture, rng: np.random.Generator) -> Array:
    """(T, 15, 3) of somebody with this posture, in torso lengths, the mid-hip in the origin."""
    shoulder, hip = rng.uniform(*SHOULDERS), rng.uniform(0.15, 0.25)
    usual = np.array([BONE_LENGTHS[bone] for bone in _LIMBS])
    arm, forearm, thigh, shank = usual * rng.uniform(0.85, 1.15, 4)
    nod_deg = rng.uniform(-15, 30)
    body = np.zeros((len(posture.lean_deg), len(JOINT), 3))
    neck = leant(np.array([0.0, 1.0, 0.0]), posture.lean_deg)
    body[:, JOINT["neck"]] = neck
    body[:, JOINT["nose"]] = neck + 0.28 * leant(
        np.array([0.0, 1.0, 0.0]), posture.lean_deg + nod_deg
    )
    for name, side in _SIDES:
        for (first, middle, end), root, lengths, (upper, lower) in (
            (("shoulder", "elbow", "wrist"), neck + _aside(shoulder * side), (arm, forearm),
             posture.arms(side)),
            (("hip", "knee", "ankle"), _aside(hip * side), (thigh, shank), posture.legs(side)),
        ):  # fmt: skip
            body[:, JOINT[f"{name}_{first}"]] = root
            body[:, JOINT[f"{name}_{middle}"]] = root + lengths[0] * upper
            body[:, JOINT[f"{name}_{end}"]] = root + lengths[0] * upper + lengths[1] * lower
    return body


def _tilted(body: Array, rng: np.random.Generator) -> Array:
    """As a camera that is held askew sees it, each joint a little beside its place."""
    tilts = [np.radians(rng.normal(0, spread)) for spread in (7, 10, 6)]
    turned = body
    for axis, angle in enumerate(tilts):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.eye(3)
        matrix[one, one] = matrix[other, other] = np.cos(angle)
        matrix[one, other], matrix[other, one] = np.sin(angle), -np.sin(angle)
        turned = turned @ matrix
    turned = turned + rng.normal(0, 0.03, (1, *body.shape[1:])) + rng.normal(0, 0.02, body.shape)
    centred: Array = turned - turned[:, [JOINT["mid_hip"]]]
    return centred


def _guessed(body: Array, rng: np.random.Generator) -> Array:
    """In space as a pose estimator has it: depth, and less so width, is a guess."""
    guessed = body * (1 + rng.normal(0, 1, 3) * [0.08, 0.0, 0.2])
    torso = np.linalg.norm(guessed[:, JOINT["neck"]] - guessed[:, JOINT["mid_hip"]], axis=-1)
    return np.asarray(guessed / np.median(torso))


def _pictured(body: Array, rng: np.random.Generator) -> Array:
    """(T, 15, 2) as a camera anywhere around, a little higher or lower, sees it; y down."""
    yaw, pitch = rng.uniform(0, 2 * np.pi), np.radians(rng.normal(0, 10))
    x, y, z = np.moveaxis(body, -1, 0)
    across, towards = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    return np.stack([across, towards * np.sin(pitch) - y * np.cos(pitch)], axis=-1)


def _aside(x: float) -> Array:
    return np.array([x, 0.0, 0.0])
