"""What networks say of people they never learned from: borders of a scorer, figures of its card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from repscore.models.scorer.calibration import (
    Border,
    Floats,
    Names,
    border_of_judged,
    covered,
    quantile_of_people,
)
from repscore.models.scorer.model import Rules
from repscore.pipelines.train.material import Material, Truths, Tuning

USUAL_SCORE: Final = 90.0
"""Of the middle one of the executions that were learned, where nobody judged them."""
RARE: Final = 0.05
"""Share of executions, of people not learned from, that lie beyond the border of likeness."""
_LEAST_VIEW: Final = 0.05  # share of an exercise's repetitions from which on a view is learned
_LEAST_PEOPLE_OF_VIEW: Final = 2


@dataclass(frozen=True, eq=False)
class Strangers:
    """What networks say of the people they neither learned from nor were chosen on.

    `named` (R, E) probabilities; `correct` (R,) logit; `away` (R,) distance from the recognised
    exercise.
    """

    named: npt.NDArray[np.float64]
    correct: npt.NDArray[np.float64]
    away: npt.NDArray[np.float64]


def _views(material: Material) -> dict[str, tuple[str, ...]]:
    """Exercise -> the views from which enough of its repetitions are seen, of several people.

    An exercise of which no view is known, or none is seen often enough, has none.
    """
    views = np.array([view or "" for view in material.examples.views])
    learned = {}
    for number, name in enumerate(material.names):
        known = (material.exercise == number) & (views != "")
        learned[name] = tuple(
            str(view)
            for view in np.unique(views[known])
            if (seen := known & (views == view)).sum() >= _LEAST_VIEW * known.sum()
            and len(np.unique(material.subject[seen])) >= _LEAST_PEOPLE_OF_VIEW
        )
    return {name: fit for name, fit in learned.items() if fit}


def rules_of(material: Material, tuning: Tuning, strangers: Strangers) -> Rules:
    """What is judged, from which views, and the borders and bounds that hold for strangers."""
    labelled = ~np.isnan(material.correct)
    judged = tuple(
        name
        for number, name in enumerate(material.names)
        if {0.0, 1.0} <= set(material.correct[material.exercise == number].tolist())
    )
    in_judged = labelled & np.isin(np.array(material.names)[material.exercise], judged)
    right = (strangers.named.argmax(axis=1) == material.exercise) & material.good
    # What nobody called incorrect and is recognised: how far it may lie from what was learned.
    alike, people = -strangers.away[right], material.subject[right]
    every = material.subject
    return Rules(
        exercises=material.names,
        mirrored=material.mirrored,
        judged=judged,
        sensor=material.examples.sensor,
        views=_views(material),
        correct=border_of_judged(
            strangers.correct[in_judged],
            material.correct[in_judged] > 0,
            material.subject[in_judged],
        )
        if judged
        else None,
        alike=border_of_alike(alike, people),
        unknown=quantile_of_people(strangers.away, every, 1 - RARE),
        recipe=tuning.recipe,
    )


def border_of_alike(merit: Floats, people: Names) -> Border:
    """One execution in twenty of the learned exercise lies beyond; the middle one scores 90."""
    at = -quantile_of_people(-merit, people, 1 - RARE)
    middle = -quantile_of_people(-merit, people, 0.5)
    return Border(at, max((middle - at) / np.log(USUAL_SCORE / (100 - USUAL_SCORE)), 1e-6))


def figures(material: Material, strangers: Strangers) -> dict[str, Any]:
    """What the card says of people who were not learned from."""
    named = strangers.named.argmax(axis=1)
    right = named == material.exercise
    found: dict[str, Any] = {
        "repetitions": len(right),
        "people_or_videos": len(np.unique(material.subject)),
        "exercise_right": _rounded(right.mean()),
        "people_or_videos_right": _rounded(
            np.mean(
                [right[material.subject == one].mean() > 0.5 for one in np.unique(material.subject)]
            )
        ),
        "exercise_right_by_class": {
            name: _rounded(right[material.exercise == number].mean())
            for number, name in enumerate(material.names)
        },
    }
    labelled = ~np.isnan(material.correct)
    truth = material.correct > 0
    if labelled.any() and len(set(truth[labelled].tolist())) == 2:
        found |= _judged_figures(
            strangers.correct[labelled], truth[labelled], material.subject[labelled]
        )
    return found


def _judged_figures(
    merit: npt.NDArray[np.float64], correct: Truths, people: npt.NDArray[np.str_]
) -> Mapping[str, float]:
    """Each person judged with the border of all others: coverage is that of strangers."""
    score, admitted = np.zeros(len(merit)), np.zeros(len(merit), bool)
    for name in np.unique(people):
        own = people == name
        border = border_of_judged(merit[~own], correct[~own], people[~own])
        score[own], low, high = border.scores(merit[own])
        admitted[own] = covered(low, high, correct[own])
    return {
        "correct_against_incorrect_auc": _rounded(float(roc_auc_score(correct, merit))),
        "balanced_accuracy_at_50": _rounded(float(balanced_accuracy_score(correct, score > 50))),
        "interval_reaches_the_right_side": _rounded(admitted.mean()),
        "of_correct": _rounded(admitted[correct].mean()),
        "of_incorrect": _rounded(admitted[~correct].mean()),
    }


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 4)
