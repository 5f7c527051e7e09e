"""What is compared: the scorer network, three ways with lengths, and plain methods beside it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from repscore.models.scorer.kinematics import kinematics
from repscore.models.scorer.lengths import (
    LENGTHS,
    Lengths,
    prototypes_of,
    sequences_of,
    warp_distance,
)
from repscore.models.scorer.network import NONE, Judgement, Recipe, Targets, judge, train
from repscore.pipelines.evaluate.labelled import Labelled, Truth

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_EXEMPLARS = 5


class Material(Truth):
    """Repetitions with their truth, and what every method computes from them once."""

    def __init__(self, items: Sequence[Labelled]) -> None:
        super().__init__(items)
        self.items = items
        self.executions = [item.execution for item in items]
        self.patient = np.array([item.patient for item in items])
        self.drawn = np.array([item.drawn for item in items])
        self.features = kinematics(self.executions)
        self.phases = sequences_of(self.executions, "phases", None)

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """(R,) whether somebody called it correct or incorrect."""
        return ~np.isnan(self.correct)

    @property
    def kinds(self) -> npt.NDArray[np.generic]:
        """(R,) what every fold should have some of.

        Patients and healthy people; else exercises, and good and bad ones where nobody performs
        both.
        """
        if self.patient.any():
            return self.patient
        kinds = np.char.add(self.exercise.astype(str), self.correct.astype(str))
        pairs = {*zip(self.subject, kinds, strict=True)}
        return kinds if len(pairs) == len(set(self.subject)) else self.exercise

    def named(self, rows: Rows) -> Rows:
        """Those of some rows that are one of the exercises."""
        return np.asarray(rows[self.exercise[rows] != NONE])

    def shown(self, rows: Rows) -> Rows:
        """Those of some rows that may pass for a correct exercise: what nobody called incorrect.

        Of drawn ones nobody knows: where others are judged, they are none.
        """
        rows = self.named(rows)
        fit = self.correct[rows] != 0
        return np.asarray(rows[fit & ~self.drawn[rows] if self.judged.any() else fit])


Method = Callable[[Material, Rows, Rows], Judgement]
"""Learns from the first rows and judges the second ones."""


def linear(material: Material, known: Rows, asked: Rows) -> Judgement:
    """Logistic regression on kinematics, and on how far these lie from correct executions."""
    x, exercise, known = material.features, material.exercise, material.named(known)
    recogniser = _regression(0.01).fit(x[known], exercise[known])
    named = recogniser.predict_proba(x[asked])
    labelled = known[material.judged[known]]
    if not len(labelled):
        return Judgement(named, np.full(len(asked), np.nan))
    good = labelled[material.correct[labelled] > 0]
    # Training repetitions lie where their label says, those asked about where they are recognised.
    deviation = _deviations(x[labelled], exercise[labelled], x[good], exercise[good])
    model = _regression(0.01, balanced=True).fit(deviation, material.correct[labelled] > 0)
    seen = _deviations(x[asked], named.argmax(axis=1), x[good], exercise[good])
    return Judgement(named, model.decision_function(seen))


def _regression(strength: float, *, balanced: bool = False) -> Pipeline:
    weight = "balanced" if balanced else None
    model = LogisticRegression(C=strength, class_weight=weight, max_iter=300)
    return make_pipeline(StandardScaler(), model)


def _deviations(x: Floats, exercise: Rows, good: Floats, shown: Rows) -> Floats:
    """(R, 2 F): features as robust deviations from correct executions, signed and absolute."""
    found = np.zeros_like(x)
    for name in np.unique(shown):
        own = good[shown == name]
        middle = np.median(own, axis=0)
        spread = 1.4826 * np.median(np.abs(own - middle), axis=0) + 0.02 + 0.05 * np.abs(middle)
        rows = exercise == name
        found[rows] = np.clip((x[rows] - middle) / spread, -8, 8)
    return np.concatenate([found, np.abs(found)], axis=1)


def forest(material: Material, known: Rows, asked: Rows) -> Judgement:
    """A random forest on kinematics."""
    x, known = material.features, material.named(known)
    options: dict[str, Any] = {"min_samples_leaf": 2, "random_state": 0}
    recogniser = RandomForestClassifier(200, **options).fit(x[known], material.exercise[known])
    named = recogniser.predict_proba(x[asked])
    labelled = known[material.judged[known]]
    if not len(labelled):
        return Judgement(named, np.full(len(asked), np.nan))
    model = RandomForestClassifier(200, class_weight="balanced_subsample", **options)
    model.fit(x[labelled], material.correct[labelled] > 0)
    share = np.clip(np.asarray(model.predict_proba(x[asked]))[:, 1], 0.01, 0.99)
    return Judgement(named, np.log(share / (1 - share)))


def nearest(material: Material, known: Rows, asked: Rows) -> Judgement:
    """Dynamic time warping to five correct executions of each exercise; far is incorrect.

    The border is the distance of nine of ten correct executions that it knows. Raises ValueError
    where the five are all there are.
    """
    rng = np.random.default_rng(0)
    good = material.shown(known)
    groups = [good[material.exercise[good] == name] for name in range(len(material.names))]
    chosen = [rng.permutation(rows)[:_EXEMPLARS] for rows in groups]
    probes = np.setdiff1d(rng.permutation(good)[:200], np.concatenate(chosen))
    if not len(probes):
        raise ValueError(
            f"dtw: {len(good)} correct executions to learn from; expected more than {_EXEMPLARS} "
            "of an exercise, so that some are left to set the border: leave --method dtw out"
        )

    def distances(rows: Rows) -> Floats:
        joints = material.phases.joints
        each = [
            np.min([warp_distance(joints[rows], joints[one]) for one in own], axis=0)
            for own in chosen
        ]
        return np.stack(each, axis=1).astype(np.float64)

    border = np.quantile(distances(probes).min(axis=1), 0.9)
    found = distances(asked)
    likely = np.exp(-10 * found)
    return Judgement(likely / likely.sum(axis=1, keepdims=True), border - found.min(axis=1))


def network(lengths: Lengths) -> Method:
    """The scorer network with one way of dealing with different lengths."""

    def method(material: Material, known: Rows, asked: Rows) -> Judgement:
        good = material.shown(known)
        own = [material.executions[row] for row in good]
        prototypes = prototypes_of(own, material.exercise[good]) if lengths == "warping" else None

        def of(rows: Rows) -> Any:
            return sequences_of([material.executions[row] for row in rows], lengths, prototypes)

        who = material.subject[known]
        targets = Targets(material.exercise[known], material.correct[known], who)
        model = train(of(known), targets, material.mirrored, recipe_for(len(known)), seed=0)
        found = judge(model, of(asked), material.mirrored)
        if material.judged[known].any():
            return found
        return Judgement(found.exercise, np.full(len(asked), np.nan))

    return method


def recipe_for(repetitions: int) -> Recipe:
    """The recipe, with smaller batches where there are few repetitions.

    Smaller movements keep their name; the distance in the embedding is not asked for a score here.
    """
    batch = int(np.clip(repetitions // 16, 8, Recipe().batch))
    return Recipe(batch=batch, shrunk=0.5)


METHODS: Final[Mapping[str, Method]] = {
    "dtw": nearest,
    "forest": forest,
    "linear": linear,
    **{f"network-{lengths}": network(lengths) for lengths in LENGTHS},
}
BOTH: Final = "network-phases + linear"
"""The mean of both logits and of both class probabilities; computed where both are asked for."""


def mean(one: Judgement, other: Judgement) -> Judgement:
    """The mean of two judgements."""
    return Judgement((one.exercise + other.exercise) / 2, (one.correct + other.correct) / 2)
