"""From labelled executions to a scorer: a network for each fold of subjects, then one of all."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.calibration import Calibration, calibrate, quantile_over_subjects
from repscore.models.scorer.checkpoint import TrainingCheckpoint
from repscore.models.scorer.evaluation import (
    Predictions,
    Report,
    RunJobs,
    by_exercise,
    cross_validate,
    figures,
    folds_of,
)
from repscore.models.scorer.examples import NoExamples, Rows, TrainingSet
from repscore.models.scorer.files import References
from repscore.models.scorer.learned import distances, outputs_of
from repscore.models.scorer.model import Rules, ScorerModel
from repscore.models.scorer.network import NetworkConfig, ScorerNetwork, Targets, train
from repscore.models.scorer.represent import represent

Floats = npt.NDArray[np.float64]

USUAL_SCORE: Final = 90.0
"""Of the middle one of the executions that were learned, where nobody judged them."""
RARE: Final = 0.05
"""Share of executions of held-out subjects that lie beyond the threshold of the unknown."""
_REMEMBERED, _EXEMPLARS = 32, 3
_LEAST_SUBJECTS_OF_EXERCISE: Final = 3
_LEAST_VIEW: Final = 0.05  # share of an exercise's repetitions from which on a view is learned
_LEAST_SUBJECTS_OF_VIEW: Final = 2
_REPORT_EPOCHS: Final = 10


@dataclass(frozen=True)
class TrainingConfig:
    """How a scorer is trained; all of it enters the names of checkpoints."""

    seed: int = 0
    recipe: NetworkConfig = NetworkConfig()  # noqa: RUF009 - frozen
    folds: int = 8


@dataclass(frozen=True, eq=False)
class NetworkMethod:
    """The recipe of `repscore train`: a network on 64 phases of each repetition."""

    config: TrainingConfig = TrainingConfig()
    checkpoints: Path | None = None

    def __call__(
        self, data: TrainingSet, known: Rows, held_out: Rows, report: Report
    ) -> Predictions:
        """What a network that learned from the known rows predicts for the held-out ones."""
        return predict(self.fit(data, known, report), data, known, held_out)

    def fit(self, data: TrainingSet, known: Rows, report: Report) -> ScorerNetwork:
        """A network that learned from the known rows; takes up its checkpoint where one is."""
        synthetic = data.synthetic[known]
        rows = np.concatenate([evened(data.exercise, known[~synthetic]), known[synthetic]])
        # Few repetitions come in small batches, so that there are enough steps.
        batch = int(np.clip(len(rows) // 16, 8, self.config.recipe.batch))
        recipe = replace(self.config.recipe, batch=batch)
        sequences = data.sequences[rows]
        targets = Targets(data.exercise[rows], data.correct[rows])

        def report_epoch(epoch: int, loss: float) -> None:
            if (epoch + 1) % _REPORT_EPOCHS == 0 or epoch + 1 == recipe.epochs:
                report(f"epoch {epoch + 1} of {recipe.epochs}, loss {loss:.3f}")

        checkpoint = None
        if self.checkpoints is not None:
            digest = hashlib.blake2b(digest_size=8)
            digest.update(json.dumps([asdict(self.config), asdict(recipe), data.names]).encode())
            for array in (sequences.joints, targets.exercise, targets.correct):
                digest.update(np.ascontiguousarray(array).tobytes())
            file = self.checkpoints / f"{digest.hexdigest()}.safetensors"
            checkpoint = TrainingCheckpoint(file, report_epoch)
        return train(sequences, targets, data.mirrored, recipe, self.config.seed, checkpoint)


def evened(exercise: npt.NDArray[np.int64], rows: Rows) -> Rows:
    """Rows of rare exercises several times, at most four, so that they count about as much."""
    names, counts = np.unique(exercise[rows], return_counts=True)
    times = np.clip(np.round(np.median(counts) / counts), 1, 4).astype(int)
    return np.repeat(rows, times[np.searchsorted(names, exercise[rows])])


def predict(model: ScorerNetwork, data: TrainingSet, known: Rows, held_out: Rows) -> Predictions:
    """The network on held-out rows, with distances from the good ones of the known real rows."""
    good = known[data.good[known] & ~data.synthetic[known]]
    learned, outputs = (
        outputs_of(model, data.sequences[rows], data.mirrored) for rows in (good, held_out)
    )
    kept = spread_out(data.exercise[good], learned.embedding, _REMEMBERED)
    embedding, exercise = learned.embedding[kept], data.exercise[good][kept]
    likeliest = outputs.probabilities.argmax(axis=1)
    near = np.isin(likeliest, exercise)
    distance = np.full(len(held_out), np.nan)
    distance[near] = distances(outputs.embedding[near], likeliest[near], embedding, exercise)
    return Predictions(outputs.probabilities, outputs.logit, distance)


def spread_out(exercise: npt.NDArray[np.int64], place: npt.NDArray[np.float32], most: int) -> Rows:
    """Of each exercise at most so many places (R, D), spread out; indices.

    The first is the one nearest to their mean; each further one is the farthest from all before.
    """
    chosen: list[int] = []
    for number in np.unique(exercise):
        rows = np.flatnonzero(exercise == number)
        unit = place[rows]
        taken = [int((unit @ unit.mean(axis=0)).argmax())]
        near = unit @ unit[taken[0]]
        while len(taken) < min(most, len(rows)):
            taken.append(int(near.argmin()))
            near = np.maximum(near, unit @ unit[taken[-1]])
        chosen += rows[taken].tolist()
    return np.array(chosen, np.intp)


def train_scorer(
    data: TrainingSet,
    config: TrainingConfig,
    checkpoints: Path | None,
    run_jobs: RunJobs,
    report: Report,
) -> ScorerModel:
    """A scorer, with thresholds and figures from subjects that the networks of folds never saw.

    Raises NoExamples for too few subjects, and DamagedCheckpoint.
    """
    require_subjects(data, config.folds)
    method = NetworkMethod(config, checkpoints)
    folds = folds_of(data, config.folds, config.seed)
    (held_out,) = cross_validate(data, [folds], method, run_jobs, report)
    everything = np.arange(len(data.exercise))

    def of_all(rows: Rows, report: Report) -> ScorerNetwork:
        return method.fit(data, rows, lambda text: report(f"all: {text}"))

    (network,) = run_jobs(of_all, [everything], report)
    good = data.real[data.good[data.real]]
    embedding = outputs_of(network, data.sequences[good], data.mirrored).embedding
    kept = spread_out(data.exercise[good], embedding, _REMEMBERED)
    rules = rules_of(data, config.recipe, held_out)
    return ScorerModel(
        rules=rules,
        weights={name: value.numpy() for name, value in network.state_dict().items()},
        embeddings=embedding[kept],
        embedding_exercise=data.exercise[good][kept],
        exemplars=_exemplars(data, good, embedding, rules.judged),
        about={
            "protocol": f"{config.folds} folds by subject (seed {config.seed}); figures, "
            "thresholds and intervals are of subjects that the network of a fold did not learn "
            "from; the network in this file learned from all subjects, and every network from "
            f"{int(data.synthetic.sum())} synthetic executions",
            "figures": _card_figures(data, folds, held_out),
        },
    )


def require_subjects(data: TrainingSet, folds: int) -> None:
    """Raise NoExamples unless there are enough subjects for folds, and of every exercise."""
    subjects = len(np.unique(data.subject[data.real]))
    if subjects < folds:
        raise NoExamples(
            f"{subjects} subjects; expected {folds} or more, so that {folds} folds can leave some "
            "of them out: label more subjects, or ask for fewer folds"
        )
    for number, name in enumerate(data.names):
        rows = data.real[data.exercise[data.real] == number]
        subjects = len(np.unique(data.subject[rows]))
        if subjects < _LEAST_SUBJECTS_OF_EXERCISE or not data.good[rows].any():
            raise NoExamples(
                f"exercise {name} is performed by {subjects} subjects; expected at least "
                f"{_LEAST_SUBJECTS_OF_EXERCISE}, and one execution that is not labelled incorrect"
            )


def rules_of(data: TrainingSet, recipe: NetworkConfig, held_out: Predictions) -> Rules:
    """What is judged, from which views, and the thresholds that hold for held-out subjects."""
    rows = data.real
    exercise, correct = data.exercise[rows], data.correct[rows]
    named, subject = data.named[rows], data.subject[rows]
    numbers = [
        number
        for number in range(len(data.names))
        if {0.0, 1.0} <= set(correct[exercise == number].tolist())
    ]
    judged = data.judged[rows] & np.isin(exercise, numbers)
    # What nobody called incorrect and is recognised: how far it may lie from what was learned.
    right = (held_out.named.argmax(axis=1) == exercise) & data.good[rows]
    return Rules(
        exercises=data.names,
        mirrored=data.mirrored,
        judged=tuple(data.names[number] for number in numbers),
        sensor=data.sensor,
        views=views_of(data),
        correct=calibrate(held_out.correct[judged], correct[judged] > 0, subject[judged])
        if numbers
        else None,
        likeness=_likeness_calibration(held_out.distance[right], subject[right]),
        unknown_distance=quantile_over_subjects(held_out.distance[named], subject[named], 1 - RARE),
        config=recipe,
    )


def views_of(data: TrainingSet) -> dict[str, tuple[str, ...]]:
    """Exercise -> the views from which enough of its repetitions are seen, of several subjects.

    An exercise of which no view is known, or none is seen often enough, has none.
    """
    views = np.array([data.examples[row].execution.view or "" for row in data.real])
    learned = {}
    for number, name in enumerate(data.names):
        known = (data.exercise[data.real] == number) & (views != "")
        learned[name] = tuple(
            str(view)
            for view in np.unique(views[known])
            if (seen := known & (views == view)).sum() >= _LEAST_VIEW * known.sum()
            and len(np.unique(data.subject[data.real][seen])) >= _LEAST_SUBJECTS_OF_VIEW
        )
    return {name: fit for name, fit in learned.items() if fit}


def _likeness_calibration(distance: Floats, subjects: npt.NDArray[np.str_]) -> Calibration:
    """One execution in twenty of the learned exercise lies beyond 50; the middle one scores 90."""
    threshold = -quantile_over_subjects(distance, subjects, 1 - RARE)
    middle = -quantile_over_subjects(distance, subjects, 0.5)
    return Calibration(
        threshold, max((middle - threshold) / np.log(USUAL_SCORE / (100 - USUAL_SCORE)), 1e-6)
    )


def _card_figures(data: TrainingSet, folds: Rows, held_out: Predictions) -> dict[str, Any]:
    """What the card says of held-out subjects: [figure, low, high]."""
    bounded = figures(data, [folds], [held_out])
    return {
        "repetitions": len(data.real),
        "subjects": len(np.unique(data.subject[data.real])),
        **{
            name: [round(value, 4) for value in values]
            for name, values in bounded.items()
            if not np.isnan(values[0])
        },
        "exercise_right_by_class": {
            name: round(row["exercise_right"], 4)
            for name, row in by_exercise(data, [folds], [held_out]).items()
        },
    }


def _exemplars(
    data: TrainingSet, good: Rows, place: npt.NDArray[np.float32], judged: Sequence[str]
) -> References | None:
    """Of each judged exercise the correct executions nearest to their mean, of different people."""
    rows: list[int] = []
    for name in judged:
        own = np.flatnonzero((data.exercise[good] == data.names.index(name)) & data.judged[good])
        order = own[np.argsort(-(place[own] @ place[own].mean(axis=0)))]
        _, first = np.unique(data.subject[good][order], return_index=True)
        rows += good[order[np.sort(first)[:_EXEMPLARS]]].tolist()
    if not rows:
        return None
    return References(
        names=tuple(judged),
        phases=represent([data.examples[row].execution for row in rows]),
        exercise=np.array([judged.index(data.names[data.exercise[row]]) for row in rows]),
        clip=np.arange(len(rows)),
    )
