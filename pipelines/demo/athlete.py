"""The athlete over time: an exercise, how often, at what tempo, with what faults, by what body.

Everything is a function of time alone; randomness is seeded.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import ANGLES, joint_angles_deg
from repscore.pipelines.demo.exercises import MAIN_ANGLE, POSE, Drive, Exercise, Faults
from repscore.pipelines.demo.figure import Array, Body, Figure


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds of a repetition's way out, hold, way back, and of the rest before the next."""

    out_s: float = 1.1
    hold_s: float = 0.2
    back_s: float = 1.0
    rest_s: float = 0.4

    def __post_init__(self) -> None:
        if min(self.out_s, self.back_s) <= 0 or min(self.hold_s, self.rest_s) < 0:
            raise ValueError(f"a repetition goes out and back in positive time, found {self}")


class Window(NamedTuple):
    """The truth about one repetition: half open, seconds."""

    start_s: float
    turn_s: float
    end_s: float


@dataclass(frozen=True)
class Motion:
    """An exercise, how often and how it is done, and by what body: the athlete over time.

    Attributes:
        lead_s: standing (or holding) still before the first and after the last repetition.
        variation: spread (one standard deviation, relative) of the tempo between repetitions;
            their range spreads by half of it.
        sway: amount of the small movements of a person who stands still; 1 is usual.
        seed: decides variation and sway.
    """

    exercise: Exercise
    repetitions: int
    body: Body = field(default_factory=Body)
    tempo: Tempo = field(default_factory=Tempo)
    faults: Faults = field(default_factory=Faults)
    lead_s: float = 1.0
    variation: float = 0.04
    sway: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.exercise not in MAIN_ANGLE:
            known = ", ".join(MAIN_ANGLE)
            raise ValueError(f"unknown exercise {self.exercise!r}; expected one of: {known}")
        if self.repetitions < 0 or self.lead_s <= 0:
            raise ValueError(
                f"expected repetitions >= 0 and lead_s > 0, "
                f"found {self.repetitions} and {self.lead_s}"
            )

    def _schedule(self) -> tuple[Array, Array]:
        """Knots (R, 4) in seconds (leaves, arrives, turns back, is back) and ranges (R,)."""
        rng = np.random.default_rng(self.seed)
        noise = np.clip(rng.normal(0.0, self.variation, (self.repetitions, 5)), -0.25, 0.25)
        tempo = self.tempo
        phases = np.array([tempo.out_s, tempo.hold_s, tempo.back_s, tempo.rest_s])
        phases = phases * (1.0 - self.faults.too_fast) * (1.0 + noise[:, :4])
        ends = self.lead_s + np.cumsum(phases).reshape(phases.shape)
        knots = np.concatenate([ends[:, :1] - phases[:, :1], ends[:, :3]], axis=1)
        # A full range is 1 on average; one that is cut short varies around what is left.
        return knots, (1.0 - self.faults.short_range) * (1.0 + 0.5 * noise[:, 4])

    @property
    def windows(self) -> tuple[Window, ...]:
        """The repetitions in time order; `turn_s` is the middle of the hold."""
        knots, _ = self._schedule()
        return tuple(Window(*map(float, (k[0], (k[1] + k[2]) / 2, k[3]))) for k in knots)

    @property
    def duration_s(self) -> float:
        """From the first moment of standing still to the last."""
        knots, _ = self._schedule()
        return float(knots[-1, 3] if len(knots) else self.lead_s) + self.lead_s

    def depth(self, time_s: Array) -> tuple[Array, Array]:
        """How far out of the start position, at (N,) instants.

        Returns:
            share of the exercise's full range (N,), and share of this repetition's range (N,).
        """
        full, progress = np.zeros_like(time_s), np.zeros_like(time_s)
        for (leaves, arrives, turns, is_back), reach in zip(*self._schedule(), strict=True):
            out = np.clip((time_s - leaves) / (arrives - leaves), 0.0, 1.0)
            back = np.clip((time_s - turns) / (is_back - turns), 0.0, 1.0)
            share = _minimum_jerk(out) - _minimum_jerk(back)
            progress += share
            full += share * reach
        return full, progress

    def pose(self, time_s: npt.ArrayLike) -> Figure:
        """The athlete at `time_s` (N,) seconds; instants outside the clip show the rest pose."""
        times = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        full, progress = self.depth(times)
        less = np.array([max(self.faults.asymmetry, 0.0), max(-self.faults.asymmetry, 0.0)])
        rng = np.random.default_rng((self.seed, 1))
        rate, start = rng.uniform(0.15, 0.5, (4, 2)), rng.uniform(0, 2 * np.pi, (4, 2))
        waves = np.sin(2 * np.pi * rate * times[:, None, None] + start).mean(axis=2)
        drive = Drive(full, full[:, None] * (1.0 - less), progress, self.sway * waves, self.faults)
        return POSE[self.exercise](self.body, drive)

    def angles_deg(self, time_s: npt.ArrayLike) -> dict[str, Array]:
        """The true joint angles, keyed as `skeleton.ANGLES`, each (N,) degrees."""
        angles = joint_angles_deg(self.pose(time_s).joints).astype(np.float64)
        return {name: angles[:, index] for index, name in enumerate(ANGLES)}


def _minimum_jerk(share: Array) -> Array:
    """The path of a reach from 0 to 1 (Flash and Hogan 1985)."""
    return share**3 * (10.0 + share * (6.0 * share - 15.0))
