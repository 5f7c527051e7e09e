"""Is an exercise that was never learned told from those that were? Leave one exercise out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from repscore.models.scorer.evaluation import Report, RunJobs
from repscore.models.scorer.examples import Rows, TrainingSet
from repscore.models.scorer.training import NetworkMethod


class Rejection(NamedTuple):
    """AUC of the unknown exercise against the known ones, over repetitions and over subjects."""

    repetitions: float
    subjects: float


def unknown(
    data: TrainingSet, repeats: Sequence[Rows], run_jobs: RunJobs, report: Report
) -> dict[str, Rejection]:
    """Exercise -> how well a network that never saw it tells it from the others.

    The network learns the other exercises on three quarters of the folds; the rest of their
    subjects stand against all subjects of the exercise that was left out. A subject is as unlike as
    its repetitions are on average. Figures are means over the repeats.
    """

    def of_job(job: tuple[str, Rows], report: Report) -> Rejection:
        name, folds = job
        rejection = _left_out(data, name, folds)
        report(f"left out {name}: evaluated")
        return rejection

    jobs = [(name, folds) for name in data.names for folds in repeats]
    table = np.reshape(run_jobs(of_job, jobs, report), (len(data.names), len(repeats), 2))
    return {name: Rejection(*row) for name, row in zip(data.names, table.mean(axis=1), strict=True)}


def _left_out(data: TrainingSet, name: str, folds: Rows) -> Rejection:
    examples = [data.examples[row] for row in data.real]
    left_out = np.array([example.exercise == name for example in examples])
    rest = TrainingSet(
        [replace(each, exercise=None) if each.exercise == name else each for each in examples],
        [each for each in data.examples[len(examples) :] if each.exercise != name],
    )
    held_out = folds % 4 == data.names.index(name) % 4
    synthetic = np.flatnonzero(rest.synthetic)
    known = np.concatenate([np.flatnonzero(~left_out & ~held_out), synthetic])
    asked = np.flatnonzero(left_out | held_out)
    distance = NetworkMethod()(rest, known, asked, lambda _: None).distance
    new, subject = left_out[asked], rest.subject[asked]
    whole = [subject == each for each in np.unique(subject)]
    return Rejection(
        float(roc_auc_score(new, distance)),
        float(
            roc_auc_score(
                [new[rows].any() for rows in whole], [distance[rows].mean() for rows in whole]
            )
        ),
    )
