"""Cross-validation by subject: what is predicted for held-out subjects, and figures with intervals.

Repetitions of one subject resemble each other: subjects stay whole in folds, and intervals come
from a bootstrap over subjects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from repscore.models.scorer.calibration import calibrate, covered
from repscore.models.scorer.examples import Rows, TrainingSet, Truths

Floats = npt.NDArray[np.float64]
Report = Callable[[str], None]
"""Called with the progress of a job, in words."""
RunJobs = Callable[..., list[Any]]
"""(work, jobs, report) -> the results of `work(job, report)`, in the order of the jobs."""
Bounded = tuple[float, float, float]
"""(figure, low, high): 95 % by a bootstrap over subjects; NaN where there is none."""

HEADINGS: Final[Mapping[str, str]] = {
    "auc": "AUC", "balanced_accuracy": "balanced accuracy",
    "exercise_right": "exercise right", "exercise_right_of_correct": "of correct ones",
    "subjects_right": "subjects right",
    "interval_coverage": "intervals cover", "interval_decides": "and decide",
}  # fmt: skip
"""Figures, and what they are called in a table.

AUC, balanced accuracy and intervals are of correct against incorrect. `subjects_right` are those
most of whose repetitions are named right, where every subject performs one exercise. A score, its
interval and the balanced accuracy at 50 are calibrated on the other folds; each subject counts the
same in the share of intervals that cover the truth, or lie on one side of 50.
"""

_RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Predictions:
    """What is predicted for R repetitions.

    Attributes:
        named: (R, E) probabilities of the exercises; further columns are exercises of other data.
        correct: (R,) logit of being correct; NaN where nothing is known of correctness.
        distance: (R,) from the learned executions of the likeliest exercise; NaN where the method
            has none.
    """

    named: Floats
    correct: Floats
    distance: Floats


class Method(Protocol):
    """Learns from some rows of the data and predicts others."""

    def __call__(
        self, data: TrainingSet, known: Rows, held_out: Rows, report: Report, /
    ) -> Predictions:
        """Predictions for the held-out rows."""
        ...


def folds_of(data: TrainingSet, count: int, seed: int) -> Rows:
    """(R,) fold of each real repetition, 0 to count - 1; subjects stay whole.

    Every fold has about as many subjects of each group; without groups of each exercise, and of
    correct and incorrect executions where nobody performs both.
    """
    rows = data.real
    subject, group, exercise = data.subject[rows], data.group[rows], data.exercise[rows]
    names, first, whose = np.unique(subject, return_index=True, return_inverse=True)
    kinds = np.char.add(exercise.astype(str), data.correct[rows].astype(str))
    strata = group if (group != "").any() else kinds if _one_each(whose, kinds) else exercise
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(strata[first][order], kind="stable")]
    fold = np.empty(len(names), np.intp)
    fold[order] = np.arange(len(names)) % count
    return fold[whose]


def _one_each(whose: Rows, kinds: npt.NDArray[Any]) -> bool:
    """Whether every subject has one kind of repetition only."""
    return len({*zip(whose.tolist(), kinds.tolist(), strict=True)}) == len(set(whose.tolist()))


def cross_validate(
    data: TrainingSet,
    repeats: Sequence[Rows],
    method: Method,
    run_jobs: RunJobs,
    report: Report,
) -> list[Predictions]:
    """For each repeat, every real repetition predicted by what was learned from the other folds.

    Synthetic repetitions are learned from in every fold.

    Args:
        repeats: (R,) folds, from 0.
    """
    real = len(data.real)
    synthetic = np.arange(real, len(data.exercise))

    def of_fold(job: tuple[int, int], report: Report) -> Predictions:
        repeat, fold = job
        folds = repeats[repeat]
        words = f"fold {fold + 1} of {folds.max() + 1}"
        if len(repeats) > 1:
            words += f", repeat {repeat + 1} of {len(repeats)}"
        known = np.concatenate([np.flatnonzero(folds != fold), synthetic])
        held_out = np.flatnonzero(folds == fold)
        predictions = method(data, known, held_out, lambda text: report(f"{words}: {text}"))
        report(f"{words}: evaluated")
        return predictions

    jobs = [(repeat, fold) for repeat, folds in enumerate(repeats) for fold in np.unique(folds)]
    results = run_jobs(of_fold, jobs, report)
    merged = [
        Predictions(np.zeros((real, len(data.names))), *np.full((2, real), np.nan)) for _ in repeats
    ]
    for (repeat, fold), predictions in zip(jobs, results, strict=True):
        rows = repeats[repeat] == fold
        for name, values in vars(merged[repeat]).items():
            values[rows] = getattr(predictions, name)
    return merged


def figures(
    data: TrainingSet,
    repeats: Sequence[Rows],
    results: Sequence[Predictions],
    group: str | None = None,
) -> dict[str, Bounded]:
    """The figures of HEADINGS over all real repetitions or a group: means over the repeats."""
    rows = data.real
    fit = np.ones(len(rows), bool) if group is None else data.group[rows] == group
    each = [dict(_rates(data, *repeat)) for repeat in zip(repeats, results, strict=True)]

    def bounded(name: str) -> Bounded:
        rates, chosen = zip(*(rates[name] for rates in each), strict=True)
        return _bounded(
            lambda rows: float(np.mean([rate(rows) for rate in rates])),
            data.subject[rows],
            np.all(chosen, axis=0) & fit,
        )

    return {name: bounded(name) for name in HEADINGS}


def _rates(
    data: TrainingSet, folds: Rows, predictions: Predictions
) -> Iterator[tuple[str, tuple[Callable[[Rows], float], Truths]]]:
    """Each figure as a function of rows, and (R,) the rows that it is of."""
    rows = data.real
    truth, named = data.correct[rows] > 0, data.named[rows]
    logit, exercise = predictions.correct, data.exercise[rows]
    judged = data.judged[rows] & np.isfinite(logit)
    likeliest = predictions.named.argmax(axis=1)
    right = likeliest == exercise
    subjects, whose = np.unique(data.subject[rows], return_inverse=True)
    most = np.array(
        [np.bincount(likeliest[whose == subject]).argmax() for subject in range(len(subjects))]
    )[whose]
    score, low, high = intervals(data, folds, predictions)
    bounds_known = judged & ~np.isnan(low)

    def auc(rows: Rows) -> float:
        both = len(np.unique(truth[rows])) == 2
        return float(roc_auc_score(truth[rows], logit[rows])) if both else np.nan

    def share(what: Truths) -> Callable[[Rows], float]:
        return lambda rows: float(what[rows].mean())

    def by_subject(what: Truths, chosen: Truths) -> tuple[Callable[[Rows], float], Truths]:
        weight = 1 / np.maximum(np.bincount(whose[chosen], minlength=len(subjects)), 1)[whose]
        return lambda rows: float(np.average(what[rows], weights=weight[rows])), chosen

    yield "auc", (auc, judged)
    yield (
        "balanced_accuracy",
        (lambda rows: _balanced(truth[rows], score[rows] > 50), judged & ~np.isnan(score)),
    )
    yield "exercise_right", (share(right), named)
    yield "exercise_right_of_correct", (share(right), named & truth & judged)
    single = _one_each(whose, exercise)
    yield "subjects_right", by_subject(most == exercise, named & single)
    yield "interval_coverage", by_subject(covered(low, high, truth), bounds_known)
    yield "interval_decides", by_subject((low > 50) | (high < 50), bounds_known)


def _balanced(truth: Truths, predicted: Truths) -> float:
    """Balanced accuracy; NaN where only one kind is there."""
    both = len(np.unique(truth)) == 2
    return float(balanced_accuracy_score(truth, predicted)) if both else np.nan


def by_exercise(
    data: TrainingSet, repeats: Sequence[Rows], results: Sequence[Predictions]
) -> dict[str, dict[str, float]]:
    """Exercise -> share of its repetitions named right, and balanced accuracy, means over repeats.

    The balanced accuracy is NaN where nobody judged both kinds.
    """
    truth, table = data.correct[data.real] > 0, {}
    for number, name in enumerate(data.names):
        rows = np.flatnonzero(data.exercise[data.real] == number)
        right, balanced = [], []
        for folds, predictions in zip(repeats, results, strict=True):
            score = intervals(data, folds, predictions)[0]
            known = rows[data.judged[rows] & ~np.isnan(score[rows])]
            right.append((predictions.named[rows].argmax(axis=1) == number).mean())
            balanced.append(_balanced(truth[known], score[known] > 50))
        table[name] = {
            "exercise_right": float(np.mean(right)), "balanced_accuracy": float(np.mean(balanced))
        }  # fmt: skip
    return table


def intervals(
    data: TrainingSet, folds: Rows, predictions: Predictions
) -> tuple[Floats, Floats, Floats]:
    """(R,) scores and bounds, each fold calibrated on the others; NaN without labels there."""
    rows, logit = data.real, predictions.correct
    correct, subject = data.correct[rows], data.subject[rows]
    judged = data.judged[rows] & np.isfinite(logit)
    table = np.full((3, len(rows)), np.nan)
    for fold in np.unique(folds):
        known = (folds != fold) & judged
        if len(np.unique(correct[known])) == 2:
            calibration = calibrate(logit[known], correct[known] > 0, subject[known])
            table[:, folds == fold] = calibration.scores(logit[folds == fold])
    score, low, high = table
    return score, low, high


def _bounded(
    figure: Callable[[Rows], float], subjects: npt.NDArray[np.str_], chosen: Truths
) -> Bounded:
    """A figure over the chosen repetitions, and its interval over resampled subjects."""
    rng = np.random.default_rng(0)
    names = np.unique(subjects[chosen])
    rows = [np.flatnonzero(chosen & (subjects == name)) for name in names]
    point = figure(np.flatnonzero(chosen)) if rows else np.nan
    if np.isnan(point):
        return np.nan, np.nan, np.nan
    draws = [
        figure(np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return point, float(low), float(high)
