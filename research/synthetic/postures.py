"""A person's posture over time, and how arms and legs are held, by angles in degrees."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BONE_LENGTHS

Array = npt.NDArray[np.float64]
Draw = Callable[[float, float], float]
Limb = Callable[[int], tuple[Array, Array]]
"""Side (-1 right, 1 left) -> unit directions (T, 3) of the upper and of the lower part."""

SHOULDERS: Final = (0.28, 0.40)
"""Half of their width, in torso lengths, from the narrow to the broad."""
UPPER_ARM: Final = BONE_LENGTHS["left_shoulder", "left_elbow"]
FOREARM: Final = BONE_LENGTHS["left_elbow", "left_wrist"]
_THIGH: Final = BONE_LENGTHS["left_hip", "left_knee"]
_SHANK: Final = BONE_LENGTHS["left_knee", "left_ankle"]
SHOULDER: Final = sum(SHOULDERS) / 2


class Posture(NamedTuple):
    """A person over T instants; x to its left, y up, z forward.

    Attributes:
        lean_deg: (T,) of the trunk: 0 upright, 90 face down, -90 on the back.
    """

    lean_deg: Array
    arms: Limb
    legs: Limb


def gripping(upper: Array, grip: float, side: int) -> Array:
    """(T, 3) of a forearm below a bar, its hand so far from the middle, whatever the upper arm."""
    aside = (grip - SHOULDER - UPPER_ARM * side * upper[:, 0]) / FOREARM
    aside = np.clip(aside, -0.8, 0.8)
    return unit(side * aside, np.sqrt(1 - aside**2), 0.0)


def to_the_floor(thigh: Array, below: Array | float = 0.0) -> Array:
    """(T,) degrees of shanks whose ankles lie so far below the hips, in torso lengths.

    At 0 they are those of one who lies with bent knees and the soles on the floor.
    """
    along = below / _SHANK - _THIGH / _SHANK * np.cos(np.radians(thigh))
    return np.degrees(np.arccos(np.clip(along, -1, 1)))


def leg_drop(thigh: Array, shank: Array) -> Array:
    """(T,) how far ankles lie below the hips, in torso lengths."""
    return np.asarray(_THIGH * np.cos(np.radians(thigh)) + _SHANK * np.cos(np.radians(shank)))


def on_a_bar(lean: Array, forward: Array, apart: Array, widest: float) -> Limb:
    """Upper arms in degrees from hanging, forearms to a bar gripped as straight arms would there.

    Args:
        widest: degrees apart of straight arms that reach the grip.
    """
    grip = SHOULDER + (UPPER_ARM + FOREARM) * np.sin(np.radians(widest))

    def arms(side: int) -> tuple[Array, Array]:
        upper = leant(hanging(forward, apart, side), lean)
        return upper, gripping(upper, grip, side)

    return arms


def standing(u: Array, draw: Draw) -> Limb:
    """Legs that stand, straight or with soft knees."""
    thigh, apart = draw(0, 15) + 0 * u, draw(0, 15)
    return legs_held(thigh, thigh - draw(0, 25), apart, apart)


def seated(u: Array, draw: Draw) -> Limb:
    """Legs of one who sits on a chair."""
    thigh, apart = draw(70, 95) + 0 * u, draw(0, 25)
    return legs_held(thigh, thigh - draw(70, 110), apart, apart)


def legs_held(
    thigh: Array, shank: Array, thigh_apart: Array | float, shank_apart: Array | float
) -> Limb:
    """Angles in degrees: forward from hanging down, and apart."""
    return lambda side: (hanging(thigh, thigh_apart, side), hanging(shank, shank_apart, side))


def arms_held(
    lean: Array, forward: Array | float, apart: Array | float, bend: Array | float,
    inward: float = 0.0,
) -> Limb:  # fmt: skip
    """Degrees, seen from the trunk: forward from hanging, apart, bent, and bent inwards."""

    def arms(side: int) -> tuple[Array, Array]:
        upper = hanging(np.broadcast_to(forward, lean.shape), apart, side)
        ahead, elbow, turn = np.radians(forward), np.radians(bend), np.radians(inward)
        lifts = unit(
            -side * np.sin(turn), np.sin(ahead) * np.cos(turn), np.cos(ahead) * np.cos(turn)
        )
        across = lifts - (lifts * upper).sum(axis=-1, keepdims=True) * upper
        across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
        bent = np.broadcast_to(elbow, lean.shape)[:, None]
        return leant(upper, lean), leant(np.cos(bent) * upper + np.sin(bent) * across, lean)

    return arms


def hanging(forward: Array | float, apart: Array | float, side: int) -> Array:
    """(T, 3) of a limb that hangs at 0 degrees, forward at 90 and 0 apart."""
    ahead, out = np.radians(forward), np.radians(apart)
    return unit(side * np.sin(out), -np.cos(out) * np.cos(ahead), np.cos(out) * np.sin(ahead))


def leant(vectors: Array, lean_deg: Array) -> Array:
    """Vectors (..., 3) of an upright trunk as those of one that leans forward (T,)."""
    lean = np.radians(lean_deg)
    x, y, z = np.moveaxis(np.broadcast_to(vectors, (len(lean), 3)), -1, 0)
    return np.stack(
        [x, y * np.cos(lean) - z * np.sin(lean), y * np.sin(lean) + z * np.cos(lean)], axis=-1
    )


def unit(x: Array | float, y: Array | float, z: Array | float) -> Array:
    """(..., 3) of length 1."""
    vectors = np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float64)
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
