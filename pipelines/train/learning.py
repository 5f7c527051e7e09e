"""From repetitions with a known truth to a scorer: folds by person, one network, its borders."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch.nn import functional

from repscore.models.scorer.calibration import (
    Border,
    Floats,
    Names,
    border_of_judged,
    covered,
    quantile_of_people,
)
from repscore.models.scorer.checkpoint import Held, Keeper
from repscore.models.scorer.files import References
from repscore.models.scorer.learned import Seen, as_seen_by, distances, look
from repscore.models.scorer.lengths import Sequences, joined, sequences_of
from repscore.models.scorer.model import Rules, ScorerModel
from repscore.models.scorer.network import Recipe, ScorerNetwork, Targets, train
from repscore.models.scorer.represent import represent
from repscore.pipelines.evaluate.labelled import Truth
from repscore.pipelines.side_by_side import Tell, side_by_side
from repscore.pipelines.train.drawn import drawn, others, others_than
from repscore.pipelines.train.examples import Examples, NoExamples
from repscore.pipelines.train.exercises import POSTURES

Rows = npt.NDArray[np.intp]
Truths = npt.NDArray[np.bool_]

_PLACES, _EXEMPLARS = 32, 3
_LEAST_OF_EXERCISE: Final = 3
USUAL_SCORE: Final = 90.0
"""Of the middle one of the executions that were learned, where nobody judged them."""
RARE: Final = 0.05
"""Share of executions, of people not learned from, that lie beyond the border of likeness."""
_LEAST_VIEW: Final = 0.05  # share of an exercise's repetitions from which on a view is learned
_LEAST_PEOPLE_OF_VIEW: Final = 2


@dataclass(frozen=True)
class Tuning:
    """What a training may be told; all of it enters the checkpoints' stamp.

    Attributes:
        patience: epochs without a smaller loss on people held out after which a training ends, with
            its best epoch; None: it ends when its learning rate has come to rest, which is better
            where few people are held out (decision 22).
        drawn: executions drawn of each exercise that is known to `drawn`, learned from beside all
            others and never asked about.
        drawn_others: executions drawn of each exercise that is none of the data's, learned from as
            none of them.
    """

    seed: int = 0
    recipe: Recipe = Recipe()  # noqa: RUF009 - frozen
    folds: int = 8
    patience: int | None = None
    drawn: int = 0
    drawn_others: int = 0

    def __post_init__(self) -> None:
        if self.folds < 3:
            raise ValueError(
                f"{self.folds} folds; expected 3 or more: to learn from, to judge on and, with "
                "patience, to stop on"
            )


class Material(Truth):
    """All repetitions with their truth, as the network sees them."""

    def __init__(self, examples: Examples, tuning: Tuning) -> None:
        super().__init__(examples.items)
        self.examples, items, folds = examples, examples.items, tuning.folds
        groups = np.unique(self.subject)
        if len(groups) < folds:
            raise NoExamples(
                f"{examples.data}: {len(groups)} people or videos; expected {folds} or "
                f"more, so that {folds} folds can leave some of them out"
            )
        for number, name in enumerate(self.names):
            shown_by = np.unique(self.subject[self.exercise == number])
            if len(shown_by) < _LEAST_OF_EXERCISE:
                raise NoExamples(
                    f"{name} is shown by {len(shown_by)} people or videos; expected "
                    f"{_LEAST_OF_EXERCISE} or more: to learn from, to judge on and, with patience, "
                    "to stop on"
                )
        more = [*drawn(self.names, tuning.drawn, tuning.seed),
                *others(self.names, tuning.drawn_others, tuning.seed)]  # fmt: skip
        self.sequences, self.sequences_drawn = (
            sequences_of([as_seen_by(examples.sensor, one.execution) for one in part],
                         "phases", None)
            for part in (items, more)
        )  # fmt: skip
        self._exercise_drawn = np.array([self.number[one.exercise] for one in more], np.int64)

    @property
    def good(self) -> Truths:
        """(R,) what an exercise is learned from: all that nobody called incorrect."""
        return np.isnan(self.correct) | (self.correct > 0)

    def lessons(self, known: Rows) -> tuple[Sequences, Targets]:
        """What a network learns from: known repetitions, and all that is drawn."""
        unjudged = np.full(len(self.sequences_drawn), np.nan, np.float32)
        return (
            joined(self.sequences[known], self.sequences_drawn),
            Targets(
                np.concatenate([self.exercise[known], self._exercise_drawn]),
                np.concatenate([self.correct[known], unjudged]),
            ),
        )


def folds_of(group: npt.NDArray[np.str_], exercise: npt.NDArray[np.int64], tuning: Tuning) -> Rows:
    """(R,) fold of each repetition; people and videos stay whole.

    Dealt exercise by exercise, so that those of a rare one lie in different folds.
    """
    names, first, whose = np.unique(group, return_index=True, return_inverse=True)
    order = np.random.default_rng(tuning.seed).permutation(len(names))
    order = order[np.argsort(exercise[first][order], kind="stable")]
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % tuning.folds
    return np.asarray(fold[whose])


@dataclass(frozen=True, eq=False)
class Fitting:
    """Trains networks on parts of the material, each with a checkpoint of its own."""

    material: Material
    tuning: Tuning
    checkpoints: Path

    def network(self, name: str, known: Rows, held: Rows, tell: Tell) -> ScorerNetwork:
        """Learned from the known people; with patience the best epoch on those held out.

        Args:
            tell: called with the name, the epoch and its loss: on people held out, where any are.
        """
        material, patience = self.material, self.tuning.patience
        known = evened(material.exercise, known)
        watch = Keeper(
            None
            if patience is None
            else Held(lambda model: validation_loss(model, material, held), patience),
            self.checkpoints / f"{name}.safetensors",
            self._stamp(name, known),
            lambda epoch, loss: tell(name, epoch, loss),
        )
        sequences, targets = material.lessons(known)
        model = train(sequences, targets, material.mirrored,
                      self.tuning.recipe, self.tuning.seed, watch)  # fmt: skip
        model.load_state_dict(watch.best)
        return model.eval()

    def _stamp(self, name: str, known: Rows) -> str:
        told = json.dumps([name, asdict(self.tuning), self.material.names])
        digest = hashlib.blake2b(told.encode(), digest_size=8)
        for array in (self.material.sequences.joints, self.material.sequences_drawn.joints,
                      self.material.exercise, self.material.correct, known):  # fmt: skip
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def evened(exercise: npt.NDArray[np.int64], rows: Rows) -> Rows:
    """Rows of rare exercises several times, at most four, so that they count about as much."""
    names, counts = np.unique(exercise[rows], return_counts=True)
    times = np.clip(np.round(np.median(counts) / counts), 1, 4).astype(int)
    return np.repeat(rows, times[np.searchsorted(names, exercise[rows])])


def validation_loss(model: ScorerNetwork, material: Material, rows: Rows) -> float:
    """Mean over the classes of their cross entropy, plus that of correct and of incorrect."""
    joints = torch.from_numpy(material.sequences.joints[rows])
    extras = torch.from_numpy(material.sequences.extras[rows])
    exercise = torch.from_numpy(material.exercise[rows])
    correct = torch.from_numpy(material.correct[rows])
    with torch.inference_mode():
        logits, judged = model(joints, extras)
        each = functional.cross_entropy(logits, exercise, reduction="none")
        loss = torch.stack(
            [each[exercise == name].mean() for name in set(exercise.tolist())]
        ).mean()
        for kind in (0.0, 1.0):
            own = correct == kind
            if own.any():
                wanted = correct[own]
                loss = loss + functional.binary_cross_entropy_with_logits(judged[own], wanted) / 2
    return float(loss)


def learn_scorer(
    examples: Examples, tuning: Tuning, checkpoints: Path, tell: Tell, workers: int = 1
) -> ScorerModel:
    """A scorer, with borders and figures from people whom its twins in other folds never saw.

    Args:
        tell: as that of `Fitting.network`.
        workers: so many networks learn at once; what they learn does not depend on it.

    Raises NoExamples for too few people, and ForeignCheckpoint.
    """
    material = Material(examples, tuning)
    fitting = Fitting(material, tuning, checkpoints)
    fold = folds_of(material.subject, material.exercise, tuning)
    parts = _parts(fold, tuning)
    *twins, final = side_by_side(
        lambda part, tell: fitting.network(*part, tell), parts, workers, tell
    )
    *learned, known = (known for _, known, _ in parts)
    strangers = _out_of_fold(material, fold, twins, learned)
    rules = _rules(material, tuning, strangers)
    seen = look(final, material.sequences, material.mirrored)
    rows = memorable(material, seen, known, _PLACES)
    return ScorerModel(
        rules=rules,
        weights={name: value.numpy() for name, value in final.state_dict().items()},
        places=seen.place[rows],
        place_exercise=material.exercise[rows],
        exemplars=_exemplars(material, seen, rules.judged),
        about={
            "data": examples.data,
            "licence": examples.licence,
            "protocol": _protocol(tuning, material),
            "figures": figures(material, strangers),
        },
    )


def _protocol(tuning: Tuning, material: Material) -> str:
    words = [f"{tuning.folds} folds by person or video (seed {tuning.seed})"]
    told = "figures, borders and bounds are of people"
    if tuning.patience is None:
        words += [f"{told} that nothing was learned from, after {tuning.recipe.epochs} epochs"]
        learned = "everybody"
    else:
        words += [f"in each, one further fold chose the epoch; {told} in neither"]
        learned = f"{tuning.folds - 1} folds, the rest chose its epoch"
    words += [f"the network in this file learned from {learned}"]
    if tuning.drawn:
        names = ", ".join(name for name in material.names if name in POSTURES)
        words += [f"all learned from {tuning.drawn} drawn executions each of {names} as well"]
    if tuning.drawn_others:
        names = ", ".join(others_than(material.names))
        count = tuning.drawn_others
        words += [f"all learned to name none of {count} drawn executions each of {names}"]
    return "; ".join(words) + "."


def _parts(fold: Rows, tuning: Tuning) -> list[tuple[str, Rows, Rows]]:
    """(name, rows learned from, rows held out to stop on) for each fold, at last for all of them.

    Nothing is held out without patience.
    """

    def part(name: str, asked: int, stopping: int) -> tuple[str, Rows, Rows]:
        held = (fold == stopping % tuning.folds) & (tuning.patience is not None)
        return name, np.flatnonzero((fold != asked) & ~held), np.flatnonzero(held)

    every = range(tuning.folds)
    return [*(part(f"fold-{number}", number, number + 1) for number in every), part("final", -1, 0)]


@dataclass(frozen=True, eq=False)
class Strangers:
    """What networks say of the people they neither learned from nor were chosen on.

    `named` (R, E) probabilities; `correct` (R,) logit; `away` (R,) distance from the recognised
    exercise.
    """

    named: npt.NDArray[np.float64]
    correct: npt.NDArray[np.float64]
    away: npt.NDArray[np.float64]


def _out_of_fold(
    material: Material, fold: Rows, twins: Sequence[ScorerNetwork], learned: Sequence[Rows]
) -> Strangers:
    count = len(fold)
    named = np.zeros((count, len(material.names)))
    correct, away = np.zeros(count), np.zeros(count)
    for number, (model, known) in enumerate(zip(twins, learned, strict=True)):
        asked = fold == number
        found = look(model, material.sequences, material.mirrored)
        named[asked], correct[asked] = found.named[asked], found.correct[asked]
        rows = memorable(material, found, known, _PLACES)
        away[asked] = distances(
            found.place[asked],
            found.named[asked].argmax(axis=1),
            found.place[rows],
            material.exercise[rows],
        )
    return Strangers(named, correct, away)


def memorable(material: Material, seen: Seen, known: Rows, most: int) -> Rows:
    """Good executions that a scorer remembers: of each exercise at most so many, spread out.

    The first is the one nearest to their mean; each further one is the farthest from all before.
    """
    chosen: list[int] = []
    for number in range(len(material.names)):
        own = known[(material.exercise[known] == number) & material.good[known]]
        if not len(own):
            raise NoExamples(f"{material.names[number]} has no correct execution to learn from")
        place = seen.place[own]
        taken = [int((place @ place.mean(axis=0)).argmax())]
        near = place @ place[taken[0]]
        while len(taken) < min(most, len(own)):
            taken.append(int(near.argmin()))
            near = np.maximum(near, place @ place[taken[-1]])
        chosen += own[taken].tolist()
    return np.array(chosen)


def _exemplars(material: Material, seen: Seen, judged: Sequence[str]) -> References | None:
    """Of each judged exercise the correct executions nearest to their mean, of different people."""
    rows: list[int] = []
    for name in judged:
        own = np.flatnonzero(
            (material.exercise == material.names.index(name)) & (material.correct > 0)
        )
        order = own[np.argsort(-(seen.place[own] @ seen.place[own].mean(axis=0)))]
        _, first = np.unique(material.subject[order], return_index=True)
        rows += order[np.sort(first)[:_EXEMPLARS]].tolist()
    if not rows:
        return None
    return References(
        names=tuple(judged),
        phases=represent([material.examples.items[row].execution for row in rows]),
        exercise=np.array([judged.index(material.names[material.exercise[row]]) for row in rows]),
        clip=np.arange(len(rows)),
    )


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


def _rules(material: Material, tuning: Tuning, strangers: Strangers) -> Rules:
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
