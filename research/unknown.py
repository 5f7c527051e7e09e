"""Is an exercise that was never learned told from those that were? Leave one exercise out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from repscore.models.scorer.learned import distances, look
from repscore.models.scorer.network import NONE, Targets, train
from repscore.pipelines.evaluate.methods import Material, Rows, recipe_for
from repscore.transforms.cluster import Report, no_report, run_jobs


class Rejection(NamedTuple):
    """AUC of the unknown exercise against the known ones, over repetitions and over videos."""

    repetitions: float
    videos: float


def unknown(
    material: Material, dealt: Sequence[Rows], workers: int = 1, tell: Report = no_report
) -> dict[str, Rejection]:
    """Exercise -> how well it is told from the others by a network that never saw it.

    The network learns the other exercises on three quarters of the folds; the rest of their videos
    stand against all videos of the exercise that was left out. A video is as unlike as its
    repetitions are on average.

    Args:
        dealt: (R,) folds as often as they were dealt, of which the mean is told; material after
            these R rows is learned from and never asked about.
        workers: so many networks learn at once.
        tell: called with the exercise, and the time that folds were dealt, when a network that
            never saw it has been asked.
    """

    def left_out(job: tuple[int, int], tell: Report) -> Rejection:
        number, time = job
        found = _left_out(material, number, dealt[time])
        tell(material.names[number], time)
        return found

    numbers = range(len(material.names))
    jobs = [(number, time) for number in numbers for time in range(len(dealt))]
    found = run_jobs(left_out, jobs, workers, tell)
    means = np.reshape(found, (len(numbers), len(dealt), -1)).mean(axis=1)
    return {name: Rejection(*means[number].tolist()) for number, name in enumerate(material.names)}


def _left_out(material: Material, number: int, folds: Rows) -> Rejection:
    count = len(folds)
    other = material.exercise != number
    held = np.zeros(len(other), bool)
    held[:count] = folds % 4 == number % 4
    known = np.flatnonzero(other & ~held)
    asked = np.flatnonzero((~other | held)[:count])
    far = unlikeness(material, number, known, asked)
    new, videos = material.exercise[asked] == number, material.subject[asked]
    whole = [videos == video for video in np.unique(videos)]
    return Rejection(
        float(roc_auc_score(new, far)),
        float(roc_auc_score([new[own].any() for own in whole], [far[own].mean() for own in whole])),
    )


def unlikeness(
    material: Material, left_out: int, known: Rows, asked: Rows
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(R,) distance of the repetitions asked about from what was learned from the known ones.

    Drawn ones are learned from, not measured to: a scorer remembers people.
    """
    kept = [number for number in range(len(material.names)) if number != left_out]
    place = {NONE: NONE, **{number: index for index, number in enumerate(kept)}}
    mirrored = [place.get(material.mirrored[number], place[number]) for number in kept]
    exercise = np.array([place[number] for number in material.exercise[known]])
    targets = Targets(exercise, material.correct[known], material.subject[known])
    sequences = material.phases
    model = train(sequences[known], targets, mirrored, recipe_for(len(known)), seed=0)
    real = ~material.drawn[known]
    learned, seen = (look(model, sequences[rows], mirrored) for rows in (known[real], asked))
    return distances(seen.place, seen.named.argmax(axis=1), learned.place, exercise[real])
