"""Figures of recognition and correctness, with what chance in the draw of people makes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from repscore.models.scorer.calibration import border_of_judged, covered
from repscore.models.scorer.network import Judgement
from repscore.pipelines.evaluate.methods import Floats, Material, Rows

Truths = npt.NDArray[np.bool_]

_RESAMPLES = 500

Bounded = tuple[float, float, float]
"""(figure, low, high), bounds of 95 % by a bootstrap over subjects; NaN where there is none."""


@dataclass(frozen=True)
class Figures:
    """The figures of a method; correctness over the judged repetitions, recognition over all.

    Attributes:
        accuracy_correct: exercise right, of correct repetitions.
        majority: subjects right by what most of their repetitions are called; NaN where one
            subject performs several exercises.
        coverage: share of a person's score intervals that admit the truth, the mean over people;
            they are calibrated on the other folds, each judged by what did not learn from it.
        decided: in the same way, the share of intervals that lie on one side of 50.
    """

    auc: Bounded
    auc_patients: Bounded
    balanced: Bounded
    accuracy: Bounded
    accuracy_correct: Bounded
    majority: Bounded
    coverage: Bounded
    decided: Bounded


Rate = Callable[[Rows], float]
"""A figure over some of the rows."""
Dealt = tuple[Rows, Judgement]
"""Folds as they were once dealt, and what was found by cross-validation over them."""


def figures(material: Material, found: Sequence[Dealt]) -> Figures:
    """The figures of what was found, means over the times that folds were dealt."""
    each = [_rates(material, *once) for once in found]

    def bounded(name: str) -> Bounded:
        rates, chosen = zip(*(one[name] for one in each), strict=True)
        return _bounded(
            lambda rows: float(np.mean([rate(rows) for rate in rates])),
            material.subject,
            np.all(chosen, axis=0),
        )

    return Figures(**{name: bounded(name) for name in each[0]})


def _rates(material: Material, folds: Rows, found: Judgement) -> dict[str, tuple[Rate, Truths]]:
    """Each of the Figures, and (R,) the rows that it is of."""
    truth, judged = material.correct > 0, material.judged & np.isfinite(found.correct)
    named = found.exercise.argmax(axis=1)
    right = named == material.exercise
    names, whose = np.unique(material.subject, return_inverse=True)
    single = len(set(zip(whose, material.exercise, strict=True))) == len(names)
    most = np.array([np.bincount(named[whose == who]).argmax() for who in range(len(names))])[whose]
    low, high = intervals(material, folds, found)
    inside, sided = covered(low, high, truth), (low > 50) | (high < 50)
    everybody = np.ones(len(truth), bool)

    def auc(rows: Rows) -> float:
        both = len(np.unique(truth[rows])) == 2
        return float(roc_auc_score(truth[rows], found.correct[rows])) if both else np.nan

    def share(what: Truths) -> Rate:
        return lambda rows: float(what[rows].mean())

    def by_person(what: Truths, chosen: Truths) -> tuple[Rate, Truths]:
        weight = 1 / np.maximum(np.bincount(whose[chosen], minlength=len(names)), 1)[whose]
        return lambda rows: float(np.average(what[rows], weights=weight[rows])), chosen

    return {
        "auc": (auc, judged),
        "auc_patients": (auc, judged & material.patient),
        "balanced": (lambda rows: balanced(material, found, rows), judged),
        "accuracy": (share(right), everybody),
        "accuracy_correct": (share(right), truth & judged),
        "majority": by_person(most == material.exercise, everybody if single else ~everybody),
        "coverage": by_person(inside, judged & ~np.isnan(low)),
        "decided": by_person(sided, judged & ~np.isnan(low)),
    }


def balanced(material: Material, found: Judgement, rows: Rows) -> float:
    """Balanced accuracy of correctness over judged rows.

    NaN where only one kind is there, or nothing was learned about correctness.
    """
    truth = material.correct[rows] > 0
    if len(np.unique(truth)) < 2 or not np.isfinite(found.correct[rows]).all():
        return np.nan
    return float(balanced_accuracy_score(truth, found.correct[rows] > 0))


def by_exercise(material: Material, found: Sequence[Dealt]) -> dict[str, float]:
    """Mean balanced accuracy of correctness of each exercise; NaN where only one kind is there."""
    own = {
        name: np.flatnonzero((material.exercise == number) & material.judged)
        for number, name in enumerate(material.names)
    }
    return {
        name: float(np.mean([balanced(material, once, rows) for _, once in found]))
        for name, rows in own.items()
    }


def intervals(material: Material, folds: Rows, found: Judgement) -> tuple[Floats, Floats]:
    """(R,) bounds of the scores, each calibrated on the other folds; NaN where nothing is known."""
    low, high = np.full((2, len(folds)), np.nan)
    for fold in np.unique(folds):
        known = (folds != fold) & material.judged & np.isfinite(found.correct)
        if len(np.unique(material.correct[known])) == 2:
            border = border_of_judged(
                found.correct[known], material.correct[known] > 0, material.subject[known]
            )
            _, low[folds == fold], high[folds == fold] = border.scores(found.correct[folds == fold])
    return low, high


def _bounded(figure: Rate, subjects: npt.NDArray[np.str_], chosen: Truths) -> Bounded:
    """A figure over the chosen repetitions, and what it is for other draws of their subjects."""
    rng = np.random.default_rng(0)
    own = [np.flatnonzero(chosen & (subjects == name)) for name in np.unique(subjects[chosen])]
    if not own:
        return np.nan, np.nan, np.nan
    point = figure(np.flatnonzero(chosen))
    draws = [
        figure(np.concatenate([own[i] for i in rng.integers(0, len(own), len(own))]))
        for _ in range(_RESAMPLES)
    ]
    if np.isnan(point):
        return np.nan, np.nan, np.nan
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return point, float(low), float(high)
