"""Counts and boundaries against the truth, with intervals over videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

Spans = Sequence[tuple[float, float]]
"""(start_s, end_s) of repetitions, half open."""

OVERLAPS: Final = (0.5, 0.7)
_RESAMPLES: Final = 2000


@dataclass(frozen=True)
class Outcome:
    """What was found in one video, beside the truth; `truth` None where boundaries are unknown."""

    name: str
    exercise: str
    count: int
    found: tuple[tuple[float, float], ...]
    truth: tuple[tuple[float, float], ...] | None = None

    @property
    def off(self) -> int:
        """How far the count is off: found minus true."""
        return len(self.found) - self.count


@dataclass(frozen=True)
class Figures:
    """Figures over videos; `low` and `high` bound OBO, MAE and F1 with 95 % (bootstrap by video).

    Attributes:
        obo: share of videos whose count is off by at most one.
        exact: share of videos whose count is right.
        mae: mean of |count - truth| / truth over the videos with repetitions; NaN without any.
        f1: of repetitions matched one to one at each of OVERLAPS; NaN where no truth is known.
    """

    videos: int
    obo: float
    exact: float
    mae: float
    f1: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two spans."""
    common = min(one[1], other[1]) - max(one[0], other[0])
    union = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, common) / union if union > 0 else 0.0


def matches(found: Spans, truth: Spans, least: float) -> int:
    """Number of pairs, one to one, whose overlap is at least `least`; the best ones first."""
    pairs = sorted(
        ((overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(truth)),
        reverse=True,
    )
    used_found: set[int] = set()
    used_truth: set[int] = set()
    for share, i, j in pairs:
        if share >= least and i not in used_found and j not in used_truth:
            used_found.add(i)
            used_truth.add(j)
    return len(used_found)


def figures(outcomes: Sequence[Outcome], *, interval: bool = True) -> Figures:
    """The figures over some videos, at least one."""
    table = np.array([_row(outcome) for outcome in outcomes], dtype=np.float64)
    point = _of(table)
    bounds: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    if interval:
        rng = np.random.default_rng(0)
        draws = [_of(table[rng.integers(0, len(table), len(table))]) for _ in range(_RESAMPLES)]
        values = np.array([(draw[0], draw[2], *draw[3:]) for draw in draws])
        known = ~np.isnan(values).all(axis=0)
        low, high = np.full((2, values.shape[1]), np.nan)
        low[known], high[known] = np.nanpercentile(values[:, known], (2.5, 97.5), axis=0)
        bounds = (tuple(low.tolist()), tuple(high.tolist()))
    return Figures(len(table), point[0], point[1], point[2], point[3:], *bounds)


def _row(outcome: Outcome) -> tuple[float, ...]:
    """Off by, relative error, then matches per overlap, found and true where truth is known."""
    off = abs(outcome.off)
    relative = off / outcome.count if outcome.count else float("nan")
    if outcome.truth is None:
        return (off, relative, *[0.0] * (len(OVERLAPS) + 1))
    pairs = [matches(outcome.found, outcome.truth, least) for least in OVERLAPS]
    return (off, relative, *pairs, len(outcome.found) + len(outcome.truth))


def _of(table: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> tuple[float, ...]:
    relative = table[~np.isnan(table[:, 1]), 1]
    mae = float(relative.mean()) if len(relative) else float("nan")
    both = table[:, -1].sum()
    f1 = [float(2 * hits / both) if both else float("nan") for hits in table[:, 2:-1].sum(axis=0)]
    return (float((table[:, 0] <= 1).mean()), float((table[:, 0] == 0).mean()), mae, *f1)
