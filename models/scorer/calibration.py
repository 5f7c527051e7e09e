"""What a logit means as a score: 50 where correct and incorrect part, bounds for held-out subjects.

Split conformal prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World), of
each class by itself. Repetitions of one subject are not independent: the distributions of subjects
are pooled with equal weights (Dunn, Wasserman and Ramdas, Distribution-Free Prediction Sets for
Two-Layer Hierarchical Models), for a repetition of a new subject.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]

COVERAGE: Final = 0.9


@dataclass(frozen=True)
class Calibration:
    """How a logit becomes a score, 100 / (1 + exp(-(logit - threshold) / scale)).

    Attributes:
        threshold: logit of the score 50.
        scale: difference in logit between the scores 50 and 73.
        incorrect_margin, correct_margin: nine of ten incorrect repetitions of a new subject have a
            logit of at most threshold + incorrect_margin, nine of ten correct ones of at least
            threshold - correct_margin; None without labels of correctness.
    """

    threshold: float
    scale: float
    incorrect_margin: float | None = None
    correct_margin: float | None = None

    def __post_init__(self) -> None:
        margins = (self.incorrect_margin or 0.0, self.correct_margin or 0.0)
        if not (self.scale > 0 and np.isfinite([self.threshold, self.scale, *margins]).all()):
            raise ValueError(f"a calibration has finite numbers and a scale above 0, found {self}")

    def scores(self, logit: Floats) -> tuple[Floats, Floats, Floats]:
        """Score, and its bounds: NaN without labels of correctness.

        An interval that lies above 50 says correct, one below 50 incorrect, one around it neither.
        """
        below = np.nan if self.incorrect_margin is None else self.incorrect_margin
        above = np.nan if self.correct_margin is None else self.correct_margin
        return self._score(logit), self._score(logit - below), self._score(logit + above)

    def _score(self, logit: Floats) -> Floats:
        steps = np.clip((logit - self.threshold) / self.scale, -30, 30)
        return np.asarray(100.0 / (1.0 + np.exp(-steps)))


def calibrate(logit: Floats, correct: Truths, subjects: Names) -> Calibration:
    """Platt's sigmoid between correct and incorrect repetitions, both classes of equal weight.

    Args:
        logit: (R,) higher is better, of held-out subjects.

    Raises:
        ValueError: only one class.
    """
    if correct.all() or not correct.any():
        raise ValueError(
            f"a calibration needs correct and incorrect repetitions, found {int(correct.sum())} "
            f"and {int((~correct).sum())}; give labelled repetitions of both kinds"
        )
    fit = LogisticRegression(C=1e4, class_weight="balanced").fit(logit[:, None], correct)
    slope = max(float(fit.coef_[0, 0]), 1e-3)
    threshold = -float(fit.intercept_[0]) / slope
    excess = logit - threshold
    return Calibration(
        threshold=threshold,
        scale=1.0 / slope,
        incorrect_margin=quantile_over_subjects(
            np.maximum(excess, 0.0)[~correct], subjects[~correct], COVERAGE
        ),
        correct_margin=quantile_over_subjects(
            np.maximum(-excess, 0.0)[correct], subjects[correct], COVERAGE
        ),
    )


def quantile_over_subjects(values: Floats, subjects: Names, level: float) -> float:
    """The quantile of values (R,) with the same weight for each subject, however many repetitions.

    Without the finite-sample factor 1 + 1 / N over N subjects: with the twenty subjects that
    labelled data have, it turns 0.9 into 0.95.
    """
    names, subject, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    order = np.argsort(values)
    weight = np.cumsum((1.0 / counts[subject])[order]) / len(names)
    index = int(np.searchsorted(weight, level - 1e-9))
    return float(values[order][min(index, len(values) - 1)])


def covered(low: Floats, high: Floats, correct: Truths) -> Truths:
    """(R,) whether intervals of scores admit the truth: up to 50 or more, or down to 50 or less."""
    return np.where(correct, high >= 50, low <= 50)
