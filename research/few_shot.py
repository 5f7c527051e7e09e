"""Three correct executions as the only knowledge: the reference scorer on labelled data."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from repscore.models.scorer.distance import score_of, tensors
from repscore.models.scorer.examples import Rows, TrainingSet
from repscore.models.scorer.files import References
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.represent import Phases, represent

_REPEATS: Final = 10
_SHOTS: Final = 3


def few_shot(data: TrainingSet) -> dict[str, tuple[float, float]]:
    """Exercise -> mean and spread of the AUC; three subjects' executions judge all other subjects.

    The scorer knows the exercise. Exercises of which nothing is incorrect there are left out.
    """
    rng = np.random.default_rng(0)
    phases = represent([data.examples[row].execution for row in data.real])
    table = {}
    for number, name in enumerate(data.names):
        aucs = []
        rows = data.real[(data.exercise == number)[data.real] & data.judged[data.real]]
        good = rows[data.correct[rows] > 0]
        for _ in range(_REPEATS):
            subjects = rng.permutation(np.unique(data.subject[good]))[:_SHOTS]
            shown = np.array([rng.choice(good[data.subject[good] == each]) for each in subjects])
            asked = rows[~np.isin(data.subject[rows], subjects)]
            if len(np.unique(data.correct[asked])) == 2:
                score = _by_references(phases, shown, asked)
                aucs.append(roc_auc_score(data.correct[asked] > 0, score))
        if aucs:
            table[name] = (float(np.mean(aucs)), float(np.std(aucs)))
    return table


def _by_references(phases: Phases, shown: Rows, asked: Rows) -> npt.NDArray[np.float64]:
    def of(rows: Rows) -> Phases:
        return Phases(phases.values[rows], phases.mask[rows], phases.log_duration[rows])

    count = np.arange(len(shown))
    scorer = ReferenceScorer(References(("exercise",), of(shown), np.zeros_like(count), count))
    with torch.no_grad():
        far = scorer(*tensors(of(asked)))
    return score_of(torch.hypot(far.pose[:, 0], far.tempo[:, 0])).double().numpy()
