"""What a number means: 50 where correct and incorrect part, and bounds that hold for strangers.

Split conformal prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World), of
each kind of truth by itself. Repetitions of one person are no independent witnesses: the
distributions of people are pooled, each with the same say (Dunn, Wasserman and Ramdas,
Distribution-Free Prediction Sets for Two-Layer Hierarchical Models), for a repetition of a person
to come.
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
class Border:
    """How merit becomes a score, 100 / (1 + exp(-(merit - at) / width)).

    Attributes:
        at: merit of the score 50.
        width: merit between the scores 50 and 73.
        down, up: nine of ten incorrect repetitions of a stranger have a merit of at most at + down,
            nine of ten correct ones of at least at - up; None where nobody judged any.
    """

    at: float
    width: float
    down: float | None = None
    up: float | None = None

    def scores(self, merit: Floats) -> tuple[Floats, Floats, Floats]:
        """Score, and its bounds: NaN without judged repetitions.

        An interval that lies above 50 says correct, one below 50 incorrect, one around it neither.
        """
        down = np.nan if self.down is None else self.down
        up = np.nan if self.up is None else self.up
        return self._score(merit), self._score(merit - down), self._score(merit + up)

    def _score(self, merit: Floats) -> Floats:
        return np.asarray(100.0 / (1.0 + np.exp(-np.clip((merit - self.at) / self.width, -30, 30))))


def border_of_judged(merit: Floats, correct: Truths, people: Names) -> Border:
    """Where correct and incorrect repetitions part, both having the same say (Platt's sigmoid).

    Args:
        merit: (R,) higher is better, of people whom the judge did not learn from.

    Raises:
        ValueError: only one kind of truth.
    """
    if correct.all() or not correct.any():
        raise ValueError(
            f"a border needs correct and incorrect repetitions, found {int(correct.sum())} and "
            f"{int((~correct).sum())}; give judged repetitions of both kinds"
        )
    fit = LogisticRegression(C=1e4, class_weight="balanced").fit(merit[:, None], correct)
    slope = max(float(fit.coef_[0, 0]), 1e-3)
    at = -float(fit.intercept_[0]) / slope
    return Border(
        at=at,
        width=1.0 / slope,
        down=quantile_of_people(np.maximum(merit - at, 0.0)[~correct], people[~correct], COVERAGE),
        up=quantile_of_people(np.maximum(at - merit, 0.0)[correct], people[correct], COVERAGE),
    )


def quantile_of_people(values: Floats, people: Names, level: float) -> float:
    """The quantile of values (R,) where each person weighs as much, however much they repeat.

    Without the finite-sample factor 1 + 1 / N over N people: with the twenty people that judged
    data have, it turns 0.9 into 0.95.
    """
    names, whose, counts = np.unique(people, return_inverse=True, return_counts=True)
    order = np.argsort(values)
    weight = np.cumsum((1.0 / counts[whose])[order]) / len(names)
    place = int(np.searchsorted(weight, level - 1e-9))
    return float(values[order][min(place, len(values) - 1)])


def covered(low: Floats, high: Floats, correct: Truths) -> Truths:
    """(R,) whether intervals of scores admit the truth: up to 50 or more, or down to 50 or less."""
    return np.where(correct, high >= 50, low <= 50)
