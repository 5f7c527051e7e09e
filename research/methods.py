"""What is compared: the network of `repscore train`, other ways with lengths, plain methods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from repscore.models.scorer.evaluation import Method, Predictions, Report
from repscore.models.scorer.examples import Example, Rows, TrainingSet
from repscore.models.scorer.learned import for_sensor
from repscore.models.scorer.training import NetworkMethod
from research.kinematics import kinematics
from research.lengths import padded, prototypes_of, warp_distance, warped

Floats = npt.NDArray[np.float64]

METHODS: Final = (
    "network-phases", "network-padding", "network-warping", "linear", "forest", "dtw"
)  # fmt: skip
MEAN: Final = "network-phases + linear"
"""The mean of both logits and of both class probabilities; where both are compared."""
_EXEMPLARS: Final = 5


def methods_of(data: TrainingSet, names: tuple[str, ...]) -> dict[str, Method]:
    """Some of METHODS, for this data; what they measure is measured once."""
    features = kinematics(data.executions)
    every: dict[str, Method] = {
        "network-phases": NetworkMethod(),
        "network-padding": NetworkOfLength("padding"),
        "network-warping": NetworkOfLength("warping"),
        "linear": Linear(features),
        "forest": Forest(features),
        "dtw": nearest,
    }
    return {name: every[name] for name in names}


def in_picture(examples: Sequence[Example]) -> list[Example]:
    """The same examples without depth."""
    return [replace(each, execution=for_sensor("picture", each.execution)) for each in examples]


def mean(first: Predictions, second: Predictions) -> Predictions:
    """The mean of two predictions."""
    return Predictions(
        (first.named + second.named) / 2, (first.correct + second.correct) / 2, first.distance
    )


@dataclass(frozen=True)
class NetworkOfLength:
    """The network of `repscore train` on repetitions of another kind of length."""

    lengths: Literal["padding", "warping"]

    def __call__(
        self, data: TrainingSet, known: Rows, held_out: Rows, report: Report
    ) -> Predictions:
        """Prototypes are of the known rows alone."""
        if self.lengths == "padding":
            sequences = padded(data.executions)
        else:
            good = known[data.good[known] & ~data.synthetic[known]]
            prototypes = prototypes_of(data.sequences[good], data.exercise[good])
            sequences = warped(data.executions, prototypes)
        return NetworkMethod()(data.with_sequences(sequences), known, held_out, report)


@dataclass(frozen=True, eq=False)
class Linear:
    """Logistic regression on kinematics, and on how far these lie from correct executions."""

    features: Floats

    def __call__(self, data: TrainingSet, known: Rows, held_out: Rows, _: Report) -> Predictions:
        """Known rows are placed by their label, held-out ones by what they are recognised as."""
        x, exercise, known = self.features, data.exercise, known[data.named[known]]
        named = (
            _regression(balanced=False).fit(x[known], exercise[known]).predict_proba(x[held_out])
        )
        judged = known[data.judged[known]]
        if not len(judged):
            return _unjudged(named)
        good = judged[data.correct[judged] > 0]
        deviation = _deviations(x[judged], exercise[judged], x[good], exercise[good])
        model = _regression(balanced=True).fit(deviation, data.correct[judged] > 0)
        asked = _deviations(x[held_out], named.argmax(axis=1), x[good], exercise[good])
        logit = model.decision_function(asked)
        return Predictions(named, logit, np.full(len(named), np.nan))


def _regression(*, balanced: bool) -> Pipeline:
    weight = "balanced" if balanced else None
    model = LogisticRegression(C=0.01, class_weight=weight, max_iter=300)
    return make_pipeline(StandardScaler(), model)


def _deviations(x: Floats, exercise: Rows, good: Floats, good_exercise: Rows) -> Floats:
    """(R, 2 F): features as robust deviations from correct executions, signed and absolute."""
    deviations = np.zeros_like(x)
    for name in np.unique(good_exercise):
        reference = good[good_exercise == name]
        middle = np.median(reference, axis=0)
        spread = 1.4826 * np.median(np.abs(reference - middle), axis=0)
        spread += 0.02 + 0.05 * np.abs(middle)
        rows = exercise == name
        deviations[rows] = np.clip((x[rows] - middle) / spread, -8, 8)
    return np.concatenate([deviations, np.abs(deviations)], axis=1)


@dataclass(frozen=True, eq=False)
class Forest:
    """A random forest on kinematics."""

    features: Floats

    def __call__(self, data: TrainingSet, known: Rows, held_out: Rows, _: Report) -> Predictions:
        """One forest for the exercise, one for correctness."""
        x, known = self.features, known[data.named[known]]
        options: dict[str, Any] = {"min_samples_leaf": 2, "random_state": 0}
        recogniser = RandomForestClassifier(200, **options).fit(x[known], data.exercise[known])
        named = np.asarray(recogniser.predict_proba(x[held_out]))
        judged = known[data.judged[known]]
        if not len(judged):
            return _unjudged(named)
        model = RandomForestClassifier(200, class_weight="balanced_subsample", **options)
        model.fit(x[judged], data.correct[judged] > 0)
        share = np.clip(np.asarray(model.predict_proba(x[held_out]))[:, 1], 0.01, 0.99)
        return Predictions(named, np.log(share / (1 - share)), np.full(len(named), np.nan))


def _unjudged(named: Floats) -> Predictions:
    return Predictions(named, *np.full((2, len(named)), np.nan))


def nearest(data: TrainingSet, known: Rows, held_out: Rows, _: Report) -> Predictions:
    """Dynamic time warping to five correct executions of each exercise; far is incorrect.

    The threshold is the distance of nine of ten correct executions that it knows. Raises ValueError
    where the five are all there are.
    """
    rng = np.random.default_rng(0)
    # Synthetic executions may be incorrect; where all are unjudged, they count like the others.
    fit = data.good[known] & ~(data.synthetic[known] & data.judged[known].any())
    good = known[fit]
    groups = [good[data.exercise[good] == name] for name in range(len(data.names))]
    chosen = [rng.permutation(rows)[:_EXEMPLARS] for rows in groups]
    probes = np.setdiff1d(rng.permutation(good)[:200], np.concatenate(chosen))
    if not len(probes):
        raise ValueError(
            f"dtw: {len(good)} correct executions to learn from; expected more than {_EXEMPLARS} "
            "of an exercise, so that some are left to set the threshold: leave --method dtw out"
        )

    def distances(rows: Rows) -> Floats:
        joints = data.sequences.joints
        each = [
            np.min([warp_distance(joints[rows], joints[row]) for row in exemplars], axis=0)
            for exemplars in chosen
        ]
        return np.stack(each, axis=1).astype(np.float64)

    threshold = np.quantile(distances(probes).min(axis=1), 0.9)
    away = distances(held_out)
    likely = np.exp(-10 * away)
    logit = threshold - away.min(axis=1)
    return Predictions(likely / likely.sum(axis=1, keepdims=True), logit, away.min(axis=1))
