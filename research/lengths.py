"""Two other ways to bring repetitions to one length: padding with a mask, and time warping."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import Execution
from repscore.models.scorer.sequences import (
    Sequences,
    even_times_s,
    joints_at,
    log_durations,
    sequences_of,
)

PAD_HZ: Final = 15.0
PAD_LENGTH: Final = 128


def padded(executions: Sequence[Execution]) -> Sequences:
    """Frames at 15 Hz, at most 128; zeros, unseen, after the end."""
    joints = np.zeros((len(executions), PAD_LENGTH, 15, 4), np.float32)
    for row, execution in enumerate(executions):
        count = int(np.clip(round((execution.end_s - execution.start_s) * PAD_HZ), 2, PAD_LENGTH))
        cut_s = min(execution.end_s, execution.start_s + PAD_LENGTH / PAD_HZ)
        cut = replace(execution, turn_s=min(execution.turn_s, cut_s), end_s=cut_s)
        joints[row, :count] = joints_at([cut], [even_times_s(cut, count)])[0]
    return Sequences(joints, log_durations(executions))


def warped(executions: Sequence[Execution], prototypes: npt.NDArray[np.float32]) -> Sequences:
    """64 phases, time warped onto the nearest of the prototypes (E, 64, 15, 4)."""
    phases = sequences_of(executions)
    distance = np.stack([warp_distance(phases.joints, each) for each in prototypes], axis=1)
    nearest = distance.argmin(axis=1)
    joints = np.empty_like(phases.joints)
    for index, prototype in enumerate(prototypes):
        if (rows := nearest == index).any():
            joints[rows] = warp(phases.joints[rows], prototype)
    return Sequences(joints, phases.extras)


def prototypes_of(sequences: Sequences, exercise: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """(E, 64, 15, 4): the mean of the 64 phases of each exercise."""
    joints = sequences.joints
    return np.stack([joints[exercise == name].mean(axis=0) for name in np.unique(exercise)])


def warp_distance(
    phases: npt.NDArray[np.float32], prototype: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(R,) dynamic time warping distance of (R, T, 15, 4) from (T, 15, 4), per step of the path."""
    total = _accumulated(phases, prototype)[-1, -1]
    distance: npt.NDArray[np.float32] = np.sqrt(total / (2 * len(prototype)))
    return distance


def warp(
    phases: npt.NDArray[np.float32], prototype: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(R, T, 15, 4) along the best path to the prototype: the mean of what meets each phase."""
    total = _accumulated(phases, prototype)
    length, each = len(prototype), np.arange(len(phases))
    i, j = (np.full(len(phases), length - 1) for _ in range(2))
    summed = np.zeros_like(phases)
    count = np.zeros((len(phases), length), np.float32)
    going = np.ones(len(phases), bool)
    while going.any():
        summed[each[going], j[going]] += phases[each[going], i[going]]
        count[each[going], j[going]] += 1
        going &= (i > 0) | (j > 0)
        steps = np.stack([total[i, j], total[i, j + 1], total[i + 1, j]])[:, each, each]
        best = steps.argmin(axis=0)
        i, j = np.where(going & (best != 2), i - 1, i), np.where(going & (best != 1), j - 1, j)
    return (summed / np.maximum(count, 1)[..., None, None]).astype(np.float32)


def _accumulated(
    phases: npt.NDArray[np.float32], prototype: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Least cost of a path that ends at (i, j): (T + 1, T + 1, R), bordered by infinity.

    A path stays within a quarter of the length of the diagonal.
    """
    flat, wanted = (
        phases[..., :3].reshape(*phases.shape[:2], -1),
        prototype[..., :3].reshape(len(prototype), -1),
    )
    cost = (flat**2).sum(-1)[:, :, None] + (wanted**2).sum(-1) - 2 * flat @ wanted.T
    length, reach = len(prototype), len(prototype) // 4
    total = np.full((length + 1, length + 1, len(phases)), np.inf, np.float32)
    total[0, 0] = 0
    for i in range(length):
        for j in range(max(0, i - reach), min(length, i + reach + 1)):
            before = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
            total[i + 1, j + 1] = before + np.maximum(cost[:, i, j], 0)
    return total
