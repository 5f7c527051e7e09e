"""Repetitions of any number of frames as arrays of one length: three ways, behind one option."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import PHASES, VISIBLE, Execution

Floats = npt.NDArray[np.float64]

Lengths = Literal["phases", "padding", "warping"]
"""64 phases and durations; frames at a fixed rate with a mask; time warped onto a prototype."""
LENGTHS: Final[tuple[Lengths, ...]] = get_args(Lengths)

PAD_HZ: Final = 15.0
PAD_LENGTH: Final = 128


@dataclass(frozen=True, eq=False)
class Sequences:
    """R repetitions of one length T.

    Attributes:
        joints: (R, T, 15, 4) float32, x the person's left, y up, z forward (0 without depth), in
            torso lengths, and 1 where the joint is seen; all four 0 where it is not.
        extras: (R, 1) float32, log of the seconds.
    """

    joints: npt.NDArray[np.float32]
    extras: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.joints)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Sequences":
        return Sequences(self.joints[rows], self.extras[rows])


def joined(one: Sequences, other: Sequences) -> Sequences:
    """Both, one after the other."""
    return Sequences(
        np.concatenate([one.joints, other.joints]), np.concatenate([one.extras, other.extras])
    )


def joints_of(execution: Execution) -> Floats:
    """(T, 15, 4) of an execution: in space where it has depth, else in the picture."""
    body = np.asarray(execution.body, np.float64)
    if not np.isfinite(body).any():
        flat = np.asarray(execution.flat, np.float64) * np.array([1.0, -1.0])
        body = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1)
    seen = np.isfinite(body).all(axis=-1) & (np.asarray(execution.visibility) >= VISIBLE)
    places = np.where(seen[..., None], body, 0.0)
    return np.concatenate([places, seen[..., None].astype(np.float64)], axis=-1)


def sequences_of(
    executions: Sequence[Execution], lengths: Lengths, prototypes: npt.NDArray[np.float32] | None
) -> Sequences:
    """All repetitions, in order, of one length.

    Args:
        prototypes: (E, 64, 15, 4) that `warping` warps onto, the nearest for each repetition.
    """
    if not executions:
        length = PAD_LENGTH if lengths == "padding" else PHASES
        return Sequences(np.zeros((0, length, 15, 4), np.float32), np.zeros((0, 1), np.float32))
    seconds = np.array([[each.end_s - each.start_s] for each in executions])
    extras = np.log(np.maximum(seconds, 0.1)).astype(np.float32)
    if lengths == "padding":
        return Sequences(np.stack([_padded(each) for each in executions]), extras)
    phases = np.stack([_at(each, PHASES) for each in executions])
    if lengths == "phases":
        return Sequences(phases, extras)
    if prototypes is None:
        raise ValueError("time warping needs prototypes: give those of `prototypes_of`")
    distance = np.stack([warp_distance(phases, each) for each in prototypes], axis=1)
    nearest = distance.argmin(axis=1)
    warped = np.empty_like(phases)
    for index, prototype in enumerate(prototypes):
        if (rows := nearest == index).any():
            warped[rows] = warp(phases[rows], prototype)
    return Sequences(warped, extras)


def prototypes_of(
    executions: Sequence[Execution], exercise: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """(E, 64, 15, 4): the mean of the executions of each exercise 0..E-1."""
    phases = np.stack([_at(each, PHASES) for each in executions])
    return np.stack([phases[exercise == name].mean(axis=0) for name in np.unique(exercise)])


def _at(execution: Execution, count: int) -> npt.NDArray[np.float32]:
    """`count` instants evenly from start to end, linear between frames."""
    joints = joints_of(execution)
    wanted_s = np.linspace(execution.start_s, execution.end_s, count, endpoint=False)
    place = np.interp(wanted_s, execution.time_s, np.arange(len(joints)))
    low = np.minimum(place.astype(int), max(len(joints) - 2, 0))
    high = np.minimum(low + 1, len(joints) - 1)
    share = (place - low)[:, None, None]
    both = (joints[low, :, 3:] * joints[high, :, 3:]) > 0
    between = joints[low] * (1 - share) + joints[high] * share
    return np.where(both, between, 0.0).astype(np.float32)


def _padded(execution: Execution) -> npt.NDArray[np.float32]:
    """The first 128 instants at 15 Hz; zeros, unseen, after the end."""
    count = int(np.clip(round((execution.end_s - execution.start_s) * PAD_HZ), 2, PAD_LENGTH))
    cut_s = min(execution.end_s, execution.start_s + PAD_LENGTH / PAD_HZ)
    kept = replace(execution, turn_s=min(execution.turn_s, cut_s), end_s=cut_s)
    padded = np.zeros((PAD_LENGTH, 15, 4), np.float32)
    padded[:count] = _at(kept, count)
    return padded


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
