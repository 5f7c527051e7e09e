"""Counts and boundaries of repetitions beside the truth, with intervals over videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Spans = tuple[tuple[float, float], ...]
"""(start_s, end_s) of repetitions, half open."""

OVERLAPS: Final = (0.5, 0.7)
_RESAMPLES: Final = 2000


@dataclass(frozen=True)
class CountingResult:
    """One video: the repetitions that were counted, beside the true ones.

    Attributes:
        count: true repetitions; may exceed those whose boundaries are known.
        predicted, truth: boundaries; `truth` is None where none are known.
    """

    name: str
    exercise: str
    count: int
    predicted: Spans
    truth: Spans | None = None

    @property
    def error(self) -> int:
        """Counted minus true repetitions."""
        return len(self.predicted) - self.count


@dataclass(frozen=True)
class CountingFigures:
    """Figures over videos; `low` and `high` bound OBO, MAE and F1 with 95 % (bootstrap by video).

    Attributes:
        obo: share of videos whose count is off by at most one.
        exact: share of videos whose count is right.
        mae: mean of |count - truth| / truth over the videos with repetitions; NaN without any.
        f1: of repetitions matched one to one at each of OVERLAPS, over the videos whose boundaries
            are known; NaN without any.
    """

    videos: int
    obo: float
    exact: float
    mae: float
    f1: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Intersection over union of two spans."""
    common = min(first[1], second[1]) - max(first[0], second[0])
    union = max(first[1], second[1]) - min(first[0], second[0])
    return max(0.0, common) / union if union > 0 else 0.0


def matches(predicted: Spans, truth: Spans, min_overlap: float) -> int:
    """Number of pairs, one to one, whose overlap is at least `min_overlap`; the best ones first."""
    pairs = sorted(
        ((overlap(p, t), i, j) for i, p in enumerate(predicted) for j, t in enumerate(truth)),
        reverse=True,
    )
    used_predicted: set[int] = set()
    used_truth: set[int] = set()
    for share, i, j in pairs:
        if share >= min_overlap and i not in used_predicted and j not in used_truth:
            used_predicted.add(i)
            used_truth.add(j)
    return len(used_predicted)


def counting_figures(
    results: Sequence[CountingResult], *, interval: bool = True
) -> CountingFigures:
    """The figures over some videos, at least one."""
    table = np.array([_row(result) for result in results], dtype=np.float64)
    obo, exact, mae, *f1 = _figures(table)
    low, high = np.full((2, 2 + len(f1)), np.nan)
    if interval:
        rng = np.random.default_rng(0)
        samples = [
            _figures(table[rng.integers(0, len(table), len(table))]) for _ in range(_RESAMPLES)
        ]
        values = np.delete(np.array(samples), 1, axis=1)
        known = ~np.isnan(values).all(axis=0)
        low[known], high[known] = np.nanpercentile(values[:, known], (2.5, 97.5), axis=0)
    bounds = (tuple(low.tolist()), tuple(high.tolist())) if interval else ((), ())
    return CountingFigures(len(table), obo, exact, mae, tuple(f1), *bounds)


def _row(result: CountingResult) -> tuple[float, ...]:
    """Error, relative error, matches per overlap, counted and true; NaN where not known."""
    error = abs(result.error)
    relative = error / result.count if result.count else float("nan")
    if result.truth is None:
        return (error, relative, *[float("nan")] * (len(OVERLAPS) + 1))
    pairs = [matches(result.predicted, result.truth, overlap) for overlap in OVERLAPS]
    return (error, relative, *pairs, len(result.predicted) + len(result.truth))


def _figures(table: npt.NDArray[np.float64]) -> list[float]:
    """OBO, exact, MAE and F1 of such rows."""
    error, relative = table[:, 0], table[~np.isnan(table[:, 1]), 1]
    mae = float(relative.mean()) if len(relative) else float("nan")
    *hits, both = np.nansum(table[:, 2:], axis=0)
    f1 = [float(2 * hit / both) if both else float("nan") for hit in hits]
    return [float((error <= 1).mean()), float((error == 0).mean()), mae, *f1]
