"""Executions drawn from what is known of an exercise: a small archive does not show all its forms.

A squat is a squat with a bar, with hanging arms and with arms held forward; a front raise is one
standing and seated. Angles are drawn from wide ranges, so that a network which learns from dozens
of people does not take their habits for the exercise. Nothing here says what is correct.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import JOINT
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.transforms.repetitions.clean import RATE_HZ
from repscore.transforms.repetitions.normalise import PROPORTIONS

Array = npt.NDArray[np.float64]
Draw = Callable[[float, float], float]
Limb = Callable[[int], tuple[Array, Array]]
"""Side (-1 right, 1 left) -> unit directions (T, 3) of the upper and of the lower part."""

_SIDES: Final = (("right", -1), ("left", 1))
_USUAL: Final = {(start, end): length for start, end, length in PROPORTIONS}
_UPPER_ARM = _USUAL["left_shoulder", "left_elbow"]
_FOREARM = _USUAL["left_elbow", "left_wrist"]
_THIGH = _USUAL["left_hip", "left_knee"]
_SHANK = _USUAL["left_knee", "left_ankle"]
_SHOULDERS: Final = (0.28, 0.40)  # half of their width, from the narrow to the broad
_SHOULDER = sum(_SHOULDERS) / 2


class Posture(NamedTuple):
    """A person over T instants; x to its left, y up, z forward.

    Attributes:
        lean_deg: (T,) of the trunk: 0 upright, 90 face down, -90 on the back.
    """

    lean_deg: Array
    arms: Limb
    legs: Limb


def drawn(exercises: Sequence[str], count: int, seed: int) -> list[Labelled]:
    """So many executions of each of the exercises that are known here, each of another person.

    Raises ValueError where executions are wanted and none of the exercises is known.
    """
    known = [name for name in exercises if name in POSTURES]
    if count and not known:
        raise ValueError(
            f"nothing can be drawn of {', '.join(exercises)}; expected some of "
            f"{', '.join(POSTURES)}: leave --drawn out"
        )
    found = []
    for name in known:
        rng = np.random.default_rng([seed, *name.encode()])  # whatever else is drawn
        found += [
            Labelled(f"drawn {name} {number}", False, name, None,
                     _execution(POSTURES[name], rng), drawn=True)
            for number in range(count)
        ]  # fmt: skip
    return found


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
    shoulder, hip = rng.uniform(*_SHOULDERS), rng.uniform(0.15, 0.25)
    usual = np.array([_UPPER_ARM, _FOREARM, _THIGH, _SHANK])
    arm, forearm, thigh, shank = usual * rng.uniform(0.85, 1.15, 4)
    nod_deg = rng.uniform(-15, 30)
    body = np.zeros((len(posture.lean_deg), len(JOINT), 3))
    neck = _leant(np.array([0.0, 1.0, 0.0]), posture.lean_deg)
    body[:, JOINT["neck"]] = neck
    body[:, JOINT["nose"]] = neck + 0.28 * _leant(
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


def _squat(u: Array, draw: Draw) -> Posture:
    bend = draw(60, 130)
    lean = draw(0, 12) + draw(15, 45) * bend / 130 * u
    high, apart = draw(-1, 1), draw(35, 65)  # how high the arms are held: in the middle 0

    def bar_on_the_neck(side: int) -> tuple[Array, Array]:
        upper = _hanging(10 * high, apart, side)
        return _leant(upper, lean), _leant(_unit(0.1 * side, 1.0, 0.0), lean)

    kinds = (
        _arms(lean, 10 + 10 * high + draw(0.7, 1) * lean, 12, 15),  # hanging
        _arms(lean, 80 + 15 * high + draw(0.5, 1) * lean, 8, draw(5, 25), 12),  # held forward
        _arms(lean, 10 + (70 + 20 * high) * u + 0.5 * lean, 10, 15, 12),  # rising
        _arms(lean, 50 + 35 * high, 15, draw(110, 140), 30),  # before the chest
        bar_on_the_neck,
        _arms(lean, 120 + 40 * high - (60 + 40 * high) * u, 25, 30 + 90 * u, 12),  # pressed up
    )
    thigh, stance = 5 + draw(0.62, 0.78) * bend * u, draw(3, 25)
    return Posture(lean, kinds[int(draw(0, len(kinds)))],
                   _legs(thigh, thigh - 8 - bend * u, stance, 0.6 * stance))  # fmt: skip


def _front_raise(u: Array, draw: Draw) -> Posture:
    lean = (draw(35, 85) if draw(0, 1) < 0.1 else draw(-5, 12)) + 0 * u
    top = draw(70, 115) if draw(0, 1) < 0.8 else draw(115, 175)
    low, apart, bend = draw(0, 25), draw(0, 25), draw(0, 30)
    still = 1 if draw(0, 1) < 0.15 else 0  # an arm that waits for the other one

    def arms(side: int) -> tuple[Array, Array]:
        own = low if side == still else low + (top - low) * u
        return _arms(lean, own + lean, apart, bend, 12)(side)  # from hanging, however they lean

    return Posture(lean, arms, _seated(u, draw) if draw(0, 1) < 0.3 else _standing(u, draw))


def _jumping_jack(u: Array, draw: Draw) -> Posture:
    lean, low = draw(-5, 12) + 0 * u, draw(5, 30)
    top = draw(140, 178) if draw(0, 1) < 0.8 else draw(85, 120)
    arms = _arms(lean, draw(0, 20), low + (top - low) * u, draw(5, 45))
    spread = 3 + draw(10, 30) * u
    return Posture(lean, arms, _legs(draw(0, 10) + 0 * u, -draw(0, 12) + 0 * u, spread, spread))


def _pull_up(u: Array, draw: Draw) -> Posture:
    lean = draw(-15, 10) + draw(-15, 10) * u
    top, low, forward = draw(150, 176), draw(25, 75), draw(0, 50)
    grip = _SHOULDER + (_UPPER_ARM + _FOREARM) * np.sin(np.radians(top))

    def arms(side: int) -> tuple[Array, Array]:
        upper = _leant(_hanging(forward * u, top - (top - low) * u, side), lean)
        return upper, _gripping(upper, grip, side)

    thigh, apart = draw(-10, 40) + draw(0, 15) * u, draw(0, 12)
    return Posture(lean, arms, _legs(thigh, thigh - draw(0, 110), apart, apart))


def _push_up(u: Array, draw: Draw) -> Posture:
    kneeling = draw(0, 1) < 0.25
    lean = (draw(50, 66) if kneeling else draw(60, 76)) + draw(8, 20) * u  # flattest below
    knee = draw(60, 110) if kneeling else draw(0, 12)
    bend, wide, outward = draw(60, 120), draw(0.05, 0.5), draw(0.3, 0.9)
    half = np.radians(8 + bend * u) / 2

    def arms(side: int) -> tuple[Array, Array]:
        out, back = np.sin(half) * outward, np.sin(half) * (1 - outward)
        return (
            _unit(side * (wide + out), -np.cos(half), -back),
            _unit(side * (wide - 0.9 * out), -np.cos(half), back),
        )

    thigh = draw(-8, 8) - lean  # in line with the trunk
    return Posture(lean, arms, _legs(thigh, thigh - knee, 4, 4))


def _sit_up(u: Array, draw: Draw) -> Posture:
    lean = draw(-96, -80) + draw(43, 113) * u
    thigh = (95 if draw(0, 1) < 0.2 else draw(110, 150)) + 0 * u
    high, apart = draw(-1, 1), draw(0, 20)
    kinds = (
        _arms(lean, 110 + 30 * high, draw(10, 50), draw(120, 150), 17),  # behind the head
        _arms(lean, 25 + 20 * high, 10, draw(100, 140), 70),  # across the chest
        _arms(lean, 60 + 40 * high - 40 * u, 10, 20, 6),  # reaching forward
    )
    legs = _legs(thigh, _to_the_floor(thigh) + draw(-8, 8), apart, apart)
    return Posture(lean, kinds[int(draw(0, len(kinds)))], legs)


def _bench_press(u: Array, draw: Draw) -> Posture:
    lean = (draw(-100, -60) if draw(0, 1) < 0.8 else draw(-60, -30)) + 0 * u
    bend, grip, outward = np.radians(draw(70, 120) * u), draw(0.35, 0.8), draw(0.4, 1)
    wide = (grip - _SHOULDER) / (_UPPER_ARM + _FOREARM)

    def arms(side: int) -> tuple[Array, Array]:
        out = np.sin(0.75 * bend) * outward * 1.5
        tucked = np.sin(0.75 * bend) * (1 - outward) * 1.5  # elbows towards the feet
        upper = _unit(side * (wide + out), np.cos(0.9 * bend), tucked)
        return upper, _gripping(upper, grip, side)

    on_bench, apart = draw(0, 1) < 0.25, draw(5, 35)
    thigh = (draw(115, 145) if on_bench else draw(60, 100)) + 0 * u
    shank = _to_the_floor(thigh) if on_bench else draw(-20, 25) + 0 * u
    return Posture(lean, arms, _legs(thigh, shank, apart, apart))


POSTURES: Final[Mapping[str, Callable[[Array, Draw], Posture]]] = {
    "squat": _squat,
    "front_raise": _front_raise,
    "jumping_jack": _jumping_jack,
    "jump_jack": _jumping_jack,
    "pull_up": _pull_up,
    "push_up": _push_up,
    "sit_up": _sit_up,
    "bench_press": _bench_press,
    "bench_pressing": _bench_press,
}
"""What is known here, by the names that data sets give it: (T,) shares 0..1 of the way out and
back -> posture."""


def _gripping(upper: Array, grip: float, side: int) -> Array:
    """(T, 3) of a forearm below a bar, its hand so far from the middle, whatever the upper arm."""
    aside = (grip - _SHOULDER - _UPPER_ARM * side * upper[:, 0]) / _FOREARM
    aside = np.clip(aside, -0.8, 0.8)
    return _unit(side * aside, np.sqrt(1 - aside**2), 0.0)


def _to_the_floor(thigh: Array) -> Array:
    """(T,) degrees of the shanks of one who lies with bent knees and the soles on the floor."""
    return np.degrees(np.arccos(np.clip(-_THIGH / _SHANK * np.cos(np.radians(thigh)), -1, 1)))


def _standing(u: Array, draw: Draw) -> Limb:
    thigh, apart = draw(0, 15) + 0 * u, draw(0, 15)
    return _legs(thigh, thigh - draw(0, 25), apart, apart)


def _seated(u: Array, draw: Draw) -> Limb:
    thigh, apart = draw(70, 95) + 0 * u, draw(0, 25)
    return _legs(thigh, thigh - draw(70, 110), apart, apart)


def _legs(
    thigh: Array, shank: Array, thigh_apart: Array | float, shank_apart: Array | float
) -> Limb:
    """Angles in degrees: forward from hanging down, and apart."""
    return lambda side: (_hanging(thigh, thigh_apart, side), _hanging(shank, shank_apart, side))


def _arms(
    lean: Array, forward: Array | float, apart: Array | float, bend: Array | float,
    inward: float = 0.0,
) -> Limb:  # fmt: skip
    """Degrees, seen from the trunk: forward from hanging, apart, bent, and bent inwards."""

    def arms(side: int) -> tuple[Array, Array]:
        upper = _hanging(np.broadcast_to(forward, lean.shape), apart, side)
        ahead, elbow, turn = np.radians(forward), np.radians(bend), np.radians(inward)
        lifts = _unit(
            -side * np.sin(turn), np.sin(ahead) * np.cos(turn), np.cos(ahead) * np.cos(turn)
        )
        across = lifts - (lifts * upper).sum(axis=-1, keepdims=True) * upper
        across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
        bent = np.broadcast_to(elbow, lean.shape)[:, None]
        return _leant(upper, lean), _leant(np.cos(bent) * upper + np.sin(bent) * across, lean)

    return arms


def _hanging(forward: Array | float, apart: Array | float, side: int) -> Array:
    """(T, 3) of a limb that hangs at 0 degrees, forward at 90 and 0 apart."""
    ahead, out = np.radians(forward), np.radians(apart)
    return _unit(side * np.sin(out), -np.cos(out) * np.cos(ahead), np.cos(out) * np.sin(ahead))


def _leant(vectors: Array, lean_deg: Array) -> Array:
    """Vectors (..., 3) of an upright trunk as those of one that leans forward (T,)."""
    lean = np.radians(lean_deg)
    x, y, z = np.moveaxis(np.broadcast_to(vectors, (len(lean), 3)), -1, 0)
    return np.stack(
        [x, y * np.cos(lean) - z * np.sin(lean), y * np.sin(lean) + z * np.cos(lean)], axis=-1
    )


def _unit(x: Array | float, y: Array | float, z: Array | float) -> Array:
    vectors = np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float64)
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _aside(x: float) -> Array:
    return np.array([x, 0.0, 0.0])
