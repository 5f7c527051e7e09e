"""`repscore evaluate scoring`: recognition and correctness on people who were not learned from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from repscore.models.scorer.distance import score_of, tensors
from repscore.models.scorer.files import References
from repscore.models.scorer.kinematics import kinematics
from repscore.models.scorer.lengths import (
    LENGTHS,
    Lengths,
    prototypes_of,
    sequences_of,
    warp_distance,
)
from repscore.models.scorer.network import Judgement, Recipe, Targets, judge, train
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.represent import Phases, represent
from repscore.pipelines.evaluate.irds import INDEX, SKELETONS, mirrored, read_irds
from repscore.pipelines.evaluate.labelled import Labelled

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

FOLDS: Final = 8
_EXEMPLARS = 5
_DRAWS, _SHOTS = 10, 3
_RESAMPLES = 500


class Material:
    """Repetitions with their truth, and what every method computes from them once.

    Attributes:
        exercise: (R,) int64, index into `names`; correct: (R,) float32, 1, 0 or NaN unlabelled.
    """

    def __init__(self, items: Sequence[Labelled]) -> None:
        self.items = items
        self.executions = [item.execution for item in items]
        self.names = sorted({item.exercise for item in items})
        self.exercise = np.array([self.names.index(item.exercise) for item in items])
        self.correct = np.array(
            [np.nan if item.correct is None else item.correct for item in items], np.float32
        )
        self.subject = np.array([item.subject for item in items])
        self.patient = np.array([item.patient for item in items])
        self.features = kinematics(self.executions)
        self.phases = sequences_of(self.executions, "phases", None)
        self.mirrored = [self.names.index(mirrored(name)) for name in self.names]


Method = Callable[[Material, Rows, Rows], Judgement]
"""Learns from the first rows and judges the second ones."""


def linear(material: Material, known: Rows, asked: Rows) -> Judgement:
    """Logistic regression on kinematics, and on how far these lie from correct executions."""
    x, exercise = material.features, material.exercise
    recogniser = _regression(0.01).fit(x[known], exercise[known])
    named = recogniser.predict_proba(x[asked])
    labelled = known[~np.isnan(material.correct[known])]
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
    x = material.features
    options: dict[str, Any] = {"min_samples_leaf": 2, "random_state": 0}
    recogniser = RandomForestClassifier(200, **options).fit(x[known], material.exercise[known])
    labelled = known[~np.isnan(material.correct[known])]
    model = RandomForestClassifier(200, class_weight="balanced_subsample", **options)
    model.fit(x[labelled], material.correct[labelled] > 0)
    share = np.clip(np.asarray(model.predict_proba(x[asked]))[:, 1], 0.01, 0.99)
    return Judgement(recogniser.predict_proba(x[asked]), np.log(share / (1 - share)))


def nearest(material: Material, known: Rows, asked: Rows) -> Judgement:
    """Dynamic time warping to five correct executions of each exercise; far is incorrect.

    The border is the distance of nine of ten correct executions that it knows.
    """
    rng = np.random.default_rng(0)
    good = known[material.correct[known] > 0]
    groups = [good[material.exercise[good] == name] for name in range(len(material.names))]
    chosen = [rng.permutation(rows)[:_EXEMPLARS] for rows in groups]
    probes = np.setdiff1d(rng.permutation(good)[:200], np.concatenate(chosen))

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
        good = known[material.correct[known] > 0]
        own = [material.executions[row] for row in good]
        prototypes = prototypes_of(own, material.exercise[good]) if lengths == "warping" else None

        def of(rows: Rows) -> Any:
            return sequences_of([material.executions[row] for row in rows], lengths, prototypes)

        targets = Targets(material.exercise[known], material.correct[known])
        model = train(of(known), targets, material.mirrored, Recipe(), seed=0)
        return judge(model, of(asked), material.mirrored)

    return method


METHODS: Final[Mapping[str, Method]] = {
    "dtw": nearest,
    "forest": forest,
    "linear": linear,
    **{f"network-{lengths}": network(lengths) for lengths in LENGTHS},
}
BOTH: Final = "network-phases + linear"
"""The mean of both logits and of both class probabilities; computed where both are asked for."""


def folds_of(subjects: npt.NDArray[np.str_], patients: npt.NDArray[np.bool_]) -> Rows:
    """(R,) fold 0..7: subjects dealt in the order of a fixed shuffle, patients first."""
    rng = np.random.default_rng(0)
    dealt = [
        name
        for kind in (True, False)
        for name in rng.permutation(np.unique(subjects[patients == kind]))
    ]
    return np.array([dealt.index(name) % FOLDS for name in subjects])


def cross_validate(material: Material, folds: Rows, method: Method) -> Judgement:
    """Every repetition judged by what was learned from the other folds."""
    named = np.zeros((len(folds), len(material.names)))
    correct = np.zeros(len(folds))
    for fold in np.unique(folds):
        asked = np.flatnonzero(folds == fold)
        found = method(material, np.flatnonzero(folds != fold), asked)
        named[asked], correct[asked] = found.exercise, found.correct
    return Judgement(named, correct)


@dataclass(frozen=True)
class Figures:
    """(figure, low, high), bounds of 95 % by a bootstrap over subjects; NaN without subjects."""

    auc: tuple[float, float, float]
    auc_patients: tuple[float, float, float]
    balanced: tuple[float, float, float]
    accuracy: tuple[float, float, float]
    accuracy_correct: tuple[float, float, float]


def figures(material: Material, found: Judgement) -> Figures:
    """The figures of a method; correctness over the labelled, recognition over all."""
    truth, labelled = material.correct > 0, ~np.isnan(material.correct)
    right = found.exercise.argmax(axis=1) == material.exercise

    def auc(rows: Rows) -> float:
        rows = rows[labelled[rows]]
        both = len(np.unique(truth[rows])) == 2
        return float(roc_auc_score(truth[rows], found.correct[rows])) if both else np.nan

    def balanced(rows: Rows) -> float:
        rows = rows[labelled[rows]]
        both = len(np.unique(truth[rows])) == 2
        score = balanced_accuracy_score
        return float(score(truth[rows], found.correct[rows] > 0)) if both else np.nan

    def share(rows: Rows) -> float:
        return float(right[rows].mean()) if len(rows) else np.nan

    everybody = np.ones(len(truth), bool)
    return Figures(
        auc=_bounded(auc, material.subject, everybody),
        auc_patients=_bounded(auc, material.subject, material.patient),
        balanced=_bounded(balanced, material.subject, everybody),
        accuracy=_bounded(share, material.subject, everybody),
        accuracy_correct=_bounded(share, material.subject, truth & labelled),
    )


def _bounded(
    figure: Callable[[Rows], float], subjects: npt.NDArray[np.str_], chosen: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """A figure over the chosen repetitions, and what it is for other draws of their subjects."""
    rng = np.random.default_rng(0)
    own = [np.flatnonzero(chosen & (subjects == name)) for name in np.unique(subjects[chosen])]
    if not own:
        return np.nan, np.nan, np.nan
    draws = [
        figure(np.concatenate([own[i] for i in rng.integers(0, len(own), len(own))]))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return figure(np.flatnonzero(chosen)), float(low), float(high)


def few_shot(material: Material) -> dict[str, tuple[float, float]]:
    """Exercise -> mean and spread of the AUC with three correct executions as only knowledge.

    The reference scorer, told the exercise; executions of three subjects, drawn ten times, judge
    all other subjects. Exercises of which nothing is incorrect there are left out.
    """
    rng = np.random.default_rng(0)
    phases = represent(material.executions)
    found = {}
    for number, name in enumerate(material.names):
        aucs = []
        own = np.flatnonzero((material.exercise == number) & ~np.isnan(material.correct))
        good = own[material.correct[own] > 0]
        for _ in range(_DRAWS):
            people = rng.permutation(np.unique(material.subject[good]))[:_SHOTS]
            shown = np.array([rng.choice(good[material.subject[good] == one]) for one in people])
            asked = own[~np.isin(material.subject[own], people)]
            if len(np.unique(material.correct[asked])) == 2:
                score = _by_references(phases, shown, asked)
                aucs.append(roc_auc_score(material.correct[asked] > 0, score))
        if aucs:
            found[name] = (float(np.mean(aucs)), float(np.std(aucs)))
    return found


def _by_references(phases: Phases, shown: Rows, asked: Rows) -> Floats:
    def rows(chosen: Rows) -> Phases:
        return Phases(phases.values[chosen], phases.mask[chosen], phases.log_duration[chosen])

    count = np.arange(len(shown))
    scorer = ReferenceScorer(References(("one",), rows(shown), np.zeros_like(count), count))
    with torch.no_grad():
        far = scorer(*tensors(rows(asked)))
    return score_of(torch.hypot(far.pose[:, 0], far.tempo[:, 0])).double().numpy()


def evaluate(
    path: Path, *, methods: Sequence[str], leaky: bool, as_json: bool, quiet: bool
) -> None:
    """Evaluate a folder of repetitions with labels; print a table or one JSON object."""
    if not ((path / SKELETONS).exists() and (path / INDEX).exists()):
        raise click.UsageError(f"{path}: expected {SKELETONS} and {INDEX}")
    material = Material(read_irds(path))
    protocols = {"by subject": folds_of(material.subject, material.patient)}
    if leaky:
        shuffled = np.random.default_rng(0).permutation(len(material.items))
        protocols["LEAKY random split"] = shuffled % FOLDS
    table: dict[tuple[str, str], Figures] = {}
    for protocol, folds in protocols.items():
        judged = {}
        for name in methods:
            if not quiet and not as_json:
                click.echo(f"{protocol}: {name}", err=True)
            judged[name] = cross_validate(material, folds, METHODS[name])
        if {"network-phases", "linear"} <= judged.keys():
            judged[BOTH] = _mean(judged["network-phases"], judged["linear"])
        table |= {(protocol, name): figures(material, one) for name, one in judged.items()}
    shots = few_shot(material)
    if as_json:
        rows = [{"protocol": p, "method": m, **_known(f)} for (p, m), f in table.items()]
        click.echo(json.dumps({"methods": rows, "references": shots}))
    else:
        show(table, shots)


def _known(found: Figures) -> dict[str, list[float | None]]:
    """The figures as JSON can say them: null for NaN."""
    return {
        name: [None if np.isnan(value) else value for value in values]
        for name, values in vars(found).items()
    }


def _mean(one: Judgement, other: Judgement) -> Judgement:
    return Judgement((one.exercise + other.exercise) / 2, (one.correct + other.correct) / 2)


def show(
    table: Mapping[tuple[str, str], Figures], shots: Mapping[str, tuple[float, float]]
) -> None:
    """Print the figures of every method under every protocol, then those of references alone."""
    console = Console(highlight=False, width=150)
    grid = Table(box=None, pad_edge=False)
    headings = ("protocol", "method", "AUC", "AUC patients", "balanced accuracy",
                "exercise right", "of correct ones")  # fmt: skip
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    for (protocol, name), found in table.items():
        cells = [f"{v:.3f} ({low:.2f}-{high:.2f})" for v, low, high in vars(found).values()]
        grid.add_row(protocol, name, *cells)
    console.print(grid)
    console.print("\nThree correct executions of other subjects as the only knowledge, AUC:")
    for name, (mean, spread) in shots.items():
        console.print(f"  {name:28} {mean:.2f} ± {spread:.2f}")
