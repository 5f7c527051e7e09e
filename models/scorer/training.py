"""From repetitions with a known truth to a scorer: folds by person, a network each, one of all."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from repscore.models.scorer.checkpoint import Held, Keeper
from repscore.models.scorer.files import References
from repscore.models.scorer.learned import Seen, distances, look
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.network import ScorerNetwork, train
from repscore.models.scorer.represent import represent
from repscore.pipelines.train.drawn import others_than
from repscore.pipelines.train.examples import Examples, NoExamples
from repscore.pipelines.train.exercises import POSTURES
from repscore.pipelines.train.material import Material, Rows, Tuning
from repscore.pipelines.train.strangers import Strangers, figures, rules_of
from repscore.transforms.cluster import Report, run_jobs

_PLACES, _EXEMPLARS = 32, 3


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

    def network(self, name: str, known: Rows, held: Rows, tell: Report) -> ScorerNetwork:
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
    examples: Examples, tuning: Tuning, checkpoints: Path, tell: Report, workers: int = 1
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
    *twins, final = run_jobs(lambda part, tell: fitting.network(*part, tell), parts, workers, tell)
    *learned, known = (known for _, known, _ in parts)
    strangers = _out_of_fold(material, fold, twins, learned)
    rules = rules_of(material, tuning, strangers)
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
