"""How exercises look: angles over the way out and back, from wide ranges.

A squat is a squat with a bar, with hanging arms and with arms held forward; a front raise is one
standing and seated. Nothing here says what is correct.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from research.synthetic.postures import (
    FOREARM,
    SHOULDER,
    UPPER_ARM,
    Array,
    Draw,
    Limb,
    Posture,
    arms_held,
    gripping,
    hanging,
    leant,
    leg_drop,
    legs_held,
    on_a_bar,
    seated,
    standing,
    to_the_floor,
    unit,
)


def _squat(u: Array, draw: Draw) -> Posture:
    bend = draw(60, 130)
    lean = draw(0, 12) + draw(15, 45) * bend / 130 * u
    high, apart = draw(-1, 1), draw(35, 65)  # how high the arms are held: in the middle 0

    def bar_on_the_neck(side: int) -> tuple[Array, Array]:
        upper = hanging(10 * high, apart, side)
        return leant(upper, lean), leant(unit(0.1 * side, 1.0, 0.0), lean)

    kinds = (
        arms_held(lean, 10 + 10 * high + draw(0.7, 1) * lean, 12, 15),  # hanging
        arms_held(lean, 80 + 15 * high + draw(0.5, 1) * lean, 8, draw(5, 25), 12),  # held forward
        arms_held(lean, 10 + (70 + 20 * high) * u + 0.5 * lean, 10, 15, 12),  # rising
        arms_held(lean, 50 + 35 * high, 15, draw(110, 140), 30),  # before the chest
        bar_on_the_neck,
        arms_held(lean, 120 + 40 * high - (60 + 40 * high) * u, 25, 30 + 90 * u, 12),  # pressed up
    )
    thigh, stance = 5 + draw(0.62, 0.78) * bend * u, draw(3, 25)
    return Posture(lean, kinds[int(draw(0, len(kinds)))],
                   legs_held(thigh, thigh - 8 - bend * u, stance, 0.6 * stance))  # fmt: skip


def _front_raise(u: Array, draw: Draw) -> Posture:
    lean = (draw(35, 85) if draw(0, 1) < 0.1 else draw(-5, 12)) + 0 * u
    top = draw(70, 115) if draw(0, 1) < 0.8 else draw(115, 175)
    low, apart, bend = draw(0, 25), draw(0, 25), draw(0, 30)
    still = 1 if draw(0, 1) < 0.15 else 0  # an arm that waits for the other one

    def arms(side: int) -> tuple[Array, Array]:
        own = low if side == still else low + (top - low) * u
        return arms_held(lean, own + lean, apart, bend, 12)(side)  # from hanging, however they lean

    return Posture(lean, arms, seated(u, draw) if draw(0, 1) < 0.3 else standing(u, draw))


def _jumping_jack(u: Array, draw: Draw) -> Posture:
    lean, low = draw(-5, 12) + 0 * u, draw(5, 30)
    top = draw(140, 178) if draw(0, 1) < 0.8 else draw(85, 120)
    arms = arms_held(lean, draw(0, 20), low + (top - low) * u, draw(5, 45))
    spread = 3 + draw(10, 30) * u
    return Posture(lean, arms, legs_held(draw(0, 10) + 0 * u, -draw(0, 12) + 0 * u, spread, spread))


def _pull_up(u: Array, draw: Draw) -> Posture:
    lean = draw(-15, 10) + draw(-15, 10) * u
    top, low, forward = draw(150, 176), draw(25, 75), draw(0, 50)
    arms = on_a_bar(lean, forward * u, top - (top - low) * u, top)
    thigh, apart = draw(-10, 40) + draw(0, 15) * u, draw(0, 12)
    return Posture(lean, arms, legs_held(thigh, thigh - draw(0, 110), apart, apart))


def _push_up(u: Array, draw: Draw) -> Posture:
    kneeling = draw(0, 1) < 0.25
    lean = (draw(50, 66) if kneeling else draw(60, 76)) + draw(8, 20) * u  # flattest below
    knee = draw(60, 110) if kneeling else draw(0, 12)
    bend, wide, outward = draw(60, 120), draw(0.05, 0.5), draw(0.3, 0.9)
    half = np.radians(8 + bend * u) / 2

    def arms(side: int) -> tuple[Array, Array]:
        out, back = np.sin(half) * outward, np.sin(half) * (1 - outward)
        return (
            unit(side * (wide + out), -np.cos(half), -back),
            unit(side * (wide - 0.9 * out), -np.cos(half), back),
        )

    thigh = draw(-8, 8) - lean  # in line with the trunk
    return Posture(lean, arms, legs_held(thigh, thigh - knee, 4, 4))


def _sit_up(u: Array, draw: Draw) -> Posture:
    lean = draw(-96, -80) + draw(43, 113) * u
    thigh = (95 if draw(0, 1) < 0.2 else draw(110, 150)) + 0 * u
    high, apart = draw(-1, 1), draw(0, 20)
    kinds = (
        arms_held(lean, 110 + 30 * high, draw(10, 50), draw(120, 150), 17),  # behind the head
        arms_held(lean, 25 + 20 * high, 10, draw(100, 140), 70),  # across the chest
        arms_held(lean, 60 + 40 * high - 40 * u, 10, 20, 6),  # reaching forward
    )
    legs = legs_held(thigh, to_the_floor(thigh) + draw(-8, 8), apart, apart)
    return Posture(lean, kinds[int(draw(0, len(kinds)))], legs)


def _bench_press(u: Array, draw: Draw) -> Posture:
    lean = (draw(-100, -60) if draw(0, 1) < 0.8 else draw(-60, -30)) + 0 * u
    bend, grip, outward = np.radians(draw(70, 120) * u), draw(0.35, 0.8), draw(0.4, 1)
    wide = (grip - SHOULDER) / (UPPER_ARM + FOREARM)

    def arms(side: int) -> tuple[Array, Array]:
        out = np.sin(0.75 * bend) * outward * 1.5
        tucked = np.sin(0.75 * bend) * (1 - outward) * 1.5  # elbows towards the feet
        upper = unit(side * (wide + out), np.cos(0.9 * bend), tucked)
        return upper, gripping(upper, grip, side)

    on_bench, apart = draw(0, 1) < 0.25, draw(5, 35)
    thigh = (draw(115, 145) if on_bench else draw(60, 100)) + 0 * u
    shank = to_the_floor(thigh) if on_bench else draw(-20, 25) + 0 * u
    return Posture(lean, arms, legs_held(thigh, shank, apart, apart))


def _biceps_curl(u: Array, draw: Draw) -> Posture:
    lean, low, top = _upright(u, draw), draw(5, 35), draw(100, 150)
    forward = draw(-10, 25) + draw(0, 25) * u
    arms = arms_held(lean, forward, draw(0, 20), low + (top - low) * u, draw(-10, 20))
    return Posture(lean, _or_one(arms, _resting(lean, draw), draw), _standing_or_seated(u, draw))


def _overhead_press(u: Array, draw: Draw) -> Posture:
    lean = _upright(u, draw)
    low, top = draw(20, 80), draw(140, 175)
    raised = low + (top - low) * u
    bent, straight = draw(100, 145), draw(0, 25)
    bar = on_a_bar(lean, draw(0, 30) * (1 - u), raised, top)
    before = arms_held(lean, raised, draw(5, 35), bent + (straight - bent) * u, 12)
    arms = bar if draw(0, 1) < 0.5 else before
    return Posture(lean, _or_one(arms, _resting(lean, draw), draw), _standing_or_seated(u, draw))


def _lateral_raise(u: Array, draw: Draw) -> Posture:
    lean, low, top = _upright(u, draw), draw(3, 25), draw(65, 110)
    arms = arms_held(lean, draw(0, 25), low + (top - low) * u, draw(5, 35))
    return Posture(lean, _or_one(arms, _resting(lean, draw), draw), _standing_or_seated(u, draw))


def _triceps_extension(u: Array, draw: Draw) -> Posture:
    lean, bent, straight = _upright(u, draw), draw(90, 140), draw(0, 30)
    arms = arms_held(lean, draw(150, 180), draw(0, 20), bent + (straight - bent) * u, 5)
    return Posture(lean, _or_one(arms, _resting(lean, draw), draw), _standing_or_seated(u, draw))


def _chest_fly(u: Array, draw: Draw) -> Posture:
    lying = draw(0, 1) < 0.4
    lean = (draw(-100, -60) if lying else draw(-5, 12)) + 0 * u
    opened = draw(0, 15) + draw(45, 85) * (u if draw(0, 1) < 0.5 else 1 - u)
    thigh = draw(60, 110) + 0 * u
    on_the_back = legs_held(thigh, thigh - draw(0, 100), draw(5, 30), draw(5, 30))
    arms = arms_held(lean, draw(75, 100), opened, draw(5, 60), draw(0, 90))
    return Posture(lean, arms, on_the_back if lying else _standing_or_seated(u, draw))


def _dip(u: Array, draw: Draw) -> Posture:
    lean = draw(0, 20) + draw(0, 20) * u
    arms = arms_held(lean, -draw(0, 25) - draw(30, 60) * u, draw(0, 20),
                     draw(3, 20) + draw(60, 100) * u)  # fmt: skip
    thigh = (draw(-10, 20) if draw(0, 1) < 0.5 else draw(45, 90)) + 0 * u
    return Posture(lean, arms, legs_held(thigh, thigh - draw(0, 90), draw(0, 12), draw(0, 12)))


def _bent_over_row(u: Array, draw: Draw) -> Posture:
    lean, knee = draw(30, 88) + draw(-8, 8) * u, draw(10, 45)
    pulled = arms_held(lean, lean - (lean + draw(20, 70)) * u, draw(0, 40),
                       draw(0, 25) + draw(70, 100) * u, 5)  # fmt: skip
    arms = _or_one(pulled, arms_held(lean, lean, 10, draw(0, 20), 5), draw)
    return Posture(lean, arms, _hinged(lean, knee, draw(0, 20), draw))


def _deadlift(u: Array, draw: Draw) -> Posture:
    lean = draw(0, 15) + draw(45, 85) * u
    knee = draw(0, 20) + draw(0, 50) * u
    hung = arms_held(lean, lean + draw(-10, 10), draw(0, 20), draw(0, 15), 10)
    arms = hung if draw(0, 1) < 0.7 else _before_the_chest(lean, draw)
    return Posture(lean, arms, _hinged(lean, knee, draw(0, 20), draw))


def _kettlebell_swing(u: Array, draw: Draw) -> Posture:
    lean = draw(-5, 5) + draw(35, 65) * (1 - u)
    knee = draw(0, 15) + draw(10, 60) * (1 - u)
    forward = (lean + draw(-20, 10)) * (1 - u) + draw(75, 175) * u
    return Posture(lean, arms_held(lean, forward, -draw(0, 10), draw(0, 15), 8),
                   _hinged(lean, knee, draw(5, 25), draw))  # fmt: skip


def _lunge(u: Array, draw: Draw) -> Posture:
    lean, apart = draw(0, 10) + draw(0, 20) * u, draw(0, 12)
    ahead = draw(0, 25) + draw(40, 75) * u
    behind = -draw(0, 25) + draw(-20, 20) * u
    shank = draw(-15, 10) + 0 * u
    floor = leg_drop(ahead, shank)
    leading = legs_held(ahead, shank, apart, apart)
    trailing = legs_held(behind, -to_the_floor(behind, floor - draw(0.1, 0.2)), apart, apart)
    arms = _resting(lean, draw) if draw(0, 1) < 0.5 else _before_the_chest(lean, draw)
    return Posture(lean, arms, _sides(leading, trailing, draw))


def _knee_raise(u: Array, draw: Draw) -> Posture:
    lean, apart = draw(-5, 10) + 0 * u, draw(0, 12)
    thigh = draw(0, 15) + draw(50, 105) * u
    raised = legs_held(thigh, thigh - draw(0, 15) - draw(50, 110) * u, apart, apart)
    if draw(0, 1) < 0.15:  # both, hanging from a bar
        return Posture(lean, arms_held(lean, draw(150, 176), draw(10, 35), draw(0, 20)), raised)
    kinds = (
        _resting(lean, draw),
        arms_held(lean, draw(-20, 20) + draw(-40, 40) * u, draw(0, 20), draw(60, 110), 10),
        _before_the_chest(lean, draw),
    )
    legs = _sides(raised, standing(u, draw), draw)
    return Posture(lean, kinds[int(draw(0, len(kinds)))], legs)


def _leg_raise(u: Array, draw: Draw) -> Posture:
    lean, low = draw(-95, -75) + 0 * u, draw(85, 100)
    knee = draw(0, 30)
    rest = low + knee / 2 + 0 * u  # the heels on the floor
    thigh = rest + draw(40, 90) * u
    raised = legs_held(thigh, thigh - knee - draw(0, 90) * u, draw(0, 10), draw(0, 10))
    rests = legs_held(rest, rest - knee, 5, 5)
    beside = _beside(lean, draw)
    behind_the_head = arms_held(lean, draw(100, 170), draw(10, 50), draw(100, 150), 15)
    return Posture(lean, beside if draw(0, 1) < 0.7 else behind_the_head,
                   _or_one(raised, rests, draw))  # fmt: skip


def _glute_bridge(u: Array, draw: Draw) -> Posture:
    rest, rise, apart = draw(-95, -82), draw(12, 35), draw(0, 25)
    lean = rest - rise * u
    thigh = draw(125, 150) - draw(0.9, 1.2) * rise * u
    raised = np.cos(np.radians(rest)) - np.cos(np.radians(lean))
    return Posture(lean, _beside(lean, draw),
                   legs_held(thigh, to_the_floor(thigh, raised), apart, apart))  # fmt: skip


def _mountain_climber(u: Array, draw: Draw) -> Posture:
    lean = draw(62, 90) + draw(-5, 10) * u
    thigh, straight = draw(-8, 8) + draw(60, 120) * u - lean, draw(-8, 8) - lean
    drawn_in = legs_held(thigh, thigh - draw(40, 120) * u, draw(0, 8), draw(0, 8))
    stretched = legs_held(straight, straight - draw(0, 15), 4, 4)
    return Posture(lean, _on_the_hands(lean, draw), _sides(drawn_in, stretched, draw))


def _bird_dog(u: Array, draw: Draw) -> Posture:
    """On all fours one leg goes back, and sometimes the other side's arm forward."""
    lean = draw(75, 95) + 0 * u
    thigh, knee = draw(-10, 20) - draw(60, 110) * u, draw(75, 100)
    back = legs_held(thigh, thigh - knee + draw(-10, 90) * u, draw(0, 10), draw(0, 10))
    down = draw(-10, 15) + 0 * u
    kneeling = legs_held(down, down - draw(75, 100), 6, 6)
    ahead = arms_held(lean, lean + draw(60, 100) * u, draw(0, 15), draw(0, 15))
    hands = _on_the_hands(lean, draw)
    forward = ahead if draw(0, 1) < 0.4 else hands
    first = 1 if draw(0, 1) < 0.5 else -1
    return Posture(lean, lambda side: (hands if side == first else forward)(side),
                   lambda side: (back if side == first else kneeling)(side))  # fmt: skip


def _standing_about(u: Array, draw: Draw) -> Posture:
    """No exercise: people of an archive talk, sway and move their arms a little."""
    lean = draw(-5, 15) + draw(-12, 12) * u
    arms = arms_held(lean, draw(-10, 40) + draw(-15, 15) * u, draw(0, 25) + draw(-5, 10) * u,
                     draw(5, 110) + draw(-15, 15) * u, draw(0, 50))  # fmt: skip
    return Posture(lean, arms, _standing_or_seated(u, draw))


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
    "biceps_curl": _biceps_curl,
    "overhead_press": _overhead_press,
    "shoulder_press": _overhead_press,
    "lateral_raise": _lateral_raise,
    "triceps_extension": _triceps_extension,
    "chest_fly": _chest_fly,
    "dip": _dip,
    "bent_over_row": _bent_over_row,
    "deadlift": _deadlift,
    "kettlebell_swing": _kettlebell_swing,
    "lunge": _lunge,
    "knee_raise": _knee_raise,
    "leg_raise": _leg_raise,
    "glute_bridge": _glute_bridge,
    "mountain_climber": _mountain_climber,
    "bird_dog": _bird_dog,
    "standing_about": _standing_about,
}
"""What is known here, by the names that data sets give it: (T,) shares 0..1 of the way out and
back -> posture."""


def _upright(u: Array, draw: Draw) -> Array:
    return draw(-5, 12) + 0 * u


def _standing_or_seated(u: Array, draw: Draw) -> Limb:
    return seated(u, draw) if draw(0, 1) < 0.35 else standing(u, draw)


def _resting(lean: Array, draw: Draw) -> Limb:
    return arms_held(lean, draw(-5, 15), draw(0, 20), draw(5, 30), 10)


def _beside(lean: Array, draw: Draw) -> Limb:
    return arms_held(lean, draw(-10, 20), draw(5, 40), draw(0, 25), 10)


def _hinged(lean: Array, knee: Array | float, apart: float, draw: Draw) -> Limb:
    """Legs of one who bends at the hips: these go back as the trunk goes forward."""
    shank = draw(0, 15) * lean / 90
    return legs_held(shank + knee, shank, apart, 0.6 * apart)


def _before_the_chest(lean: Array, draw: Draw) -> Limb:
    return arms_held(lean, draw(20, 60), draw(10, 40), draw(80, 140), 30)


def _on_the_hands(lean: Array, draw: Draw) -> Limb:
    return arms_held(lean, lean + draw(-12, 12), draw(0, 15), draw(0, 15))


def _sides(one: Limb, other: Limb, draw: Draw) -> Limb:
    """Left and right differ."""
    first = 1 if draw(0, 1) < 0.5 else -1
    return lambda side: (one if side == first else other)(side)


def _or_one(both: Limb, rests: Limb, draw: Draw) -> Limb:
    """Of four people one moves one side only, the other one rests."""
    return _sides(both, rests, draw) if draw(0, 1) < 0.25 else both
