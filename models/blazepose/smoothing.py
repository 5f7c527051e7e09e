"""MediaPipe's own smoothing of landmarks over time, for those who want its very answer.

One-euro filters (Casiez et al., CHI 2012) with the parameters of MediaPipe Tasks in VIDEO mode
(pose_landmarks_detector_graph.cc). It is causal and lags; the pipeline cleans without lag later,
so it is off by default.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SPEED_CUTOFF_HZ: Final = 1.0
STEP_AFTER_ZERO_S: Final = 1.0 / 30.0
"""The step that MediaPipe's filter takes from a frame at time zero, however long it was."""

VISIBILITY_ALPHA: Final = 0.1


@dataclass(frozen=True, slots=True)
class OneEuro:
    """Cutoff in hertz at rest, and how much it grows with speed."""

    min_cutoff_hz: float
    beta: float


IMAGE: Final = OneEuro(min_cutoff_hz=0.05, beta=80.0)
WORLD: Final = OneEuro(min_cutoff_hz=0.1, beta=40.0)


@dataclass(frozen=True, eq=False)
class Filtered:
    """A filter's memory after a frame: the value given, the value smoothed, its smoothed speed."""

    raw: Array
    smooth: Array
    speed: Array


@dataclass(frozen=True, eq=False)
class Smoothed:
    """One person's smoothed landmarks, and all that the next frame needs."""

    time_s: float
    image_px: Filtered
    world_m: Filtered
    visibility: Array


def smooth(
    before: Smoothed | None,
    time_s: float,
    image_px: Array,
    world_m: Array,
    visibility: Array,
    side_px: float,
) -> Smoothed:
    """The next frame of a person: (L, 3), (L, 3), (L,); speeds count in sides of the region.

    `before` is None where the person was absent in the frame before.
    """
    if before is None:
        image, world = (Filtered(x, x, np.zeros_like(x)) for x in (image_px, world_m))
        return Smoothed(time_s, image, world, visibility)
    step_s = time_s - before.time_s
    if step_s <= 0:
        raise ValueError(f"frame times must increase: {time_s} s came after {before.time_s} s")
    if before.time_s == 0:
        step_s = STEP_AFTER_ZERO_S
    return Smoothed(
        time_s,
        one_euro(before.image_px, image_px, step_s, IMAGE, 1.0 / side_px),
        one_euro(before.world_m, world_m, step_s, WORLD, 1.0),
        before.visibility + VISIBILITY_ALPHA * (visibility - before.visibility),
    )


def one_euro(
    before: Filtered, value: Array, step_s: float, filter_: OneEuro, scale: float
) -> Filtered:
    """One step of the filter on every element of `value`; `scale` multiplies the speed."""
    speed_now = (value - before.raw) * (scale / step_s)
    speed = before.speed + _alpha(SPEED_CUTOFF_HZ, step_s) * (speed_now - before.speed)
    alpha = _alpha(filter_.min_cutoff_hz + filter_.beta * np.abs(speed), step_s)
    return Filtered(value, before.smooth + alpha * (value - before.smooth), speed)


def _alpha(cutoff_hz: Array | float, step_s: float) -> Array | float:
    turns = 2.0 * np.pi * step_s * cutoff_hz
    return turns / (1.0 + turns)
