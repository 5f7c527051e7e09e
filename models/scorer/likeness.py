"""How unlike a repetition is to what was learned: distance in the network's embedding."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from repscore.models.scorer.lengths import Sequences
from repscore.models.scorer.network import ScorerNetwork, mirror

Places = npt.NDArray[np.float32]

NEAREST: Final = 5
"""Learned repetitions that decide a distance: one alone may be odd."""


def places_of(model: ScorerNetwork, sequences: Sequences) -> Places:
    """(R, D) unit vectors, alike for a repetition and its mirror image."""
    joints, extras = torch.from_numpy(sequences.joints), torch.from_numpy(sequences.extras)
    with torch.no_grad():
        both = model.embedded(joints, extras) + model.embedded(mirror(joints), extras)
    return np.asarray(functional.normalize(both, dim=1).numpy())


def distances(
    places: Places,
    exercise: npt.NDArray[np.int64],
    learned: Places,
    learned_exercise: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """(R,) mean of one minus cosine to the nearest five learned repetitions of the exercise."""
    found = np.empty(len(places))
    for name in np.unique(exercise):
        rows, own = exercise == name, learned[learned_exercise == name]
        away = np.sort(1.0 - places[rows].astype(np.float64) @ own.T.astype(np.float64), axis=1)
        found[rows] = away[:, :NEAREST].mean(axis=1)
    return found
