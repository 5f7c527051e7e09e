"""What the scorer network sees of repetitions: joints at 64 instants, whatever they lasted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import PHASE_SAMPLES, VISIBLE, Execution

Floats = npt.NDArray[np.float64]


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


def sequences_of(executions: Sequence[Execution]) -> Sequences:
    """All repetitions, in order, each at 64 instants evenly from start to end."""
    joints = [joints_at(each, PHASE_SAMPLES) for each in executions]
    empty = np.zeros((0, PHASE_SAMPLES, 15, 4), np.float32)
    return Sequences(np.stack(joints) if joints else empty, log_durations(executions))


def log_durations(executions: Sequence[Execution]) -> npt.NDArray[np.float32]:
    """(R, 1) natural logarithm of the seconds."""
    seconds = np.array([each.end_s - each.start_s for each in executions], np.float64)[:, None]
    return np.log(np.maximum(seconds, 0.1)).astype(np.float32)


def joints_of(execution: Execution) -> Floats:
    """(T, 15, 4) of an execution: in space where it has depth, else in the picture."""
    body = np.asarray(execution.body, np.float64)
    if not np.isfinite(body).any():
        flat = np.asarray(execution.flat, np.float64) * np.array([1.0, -1.0])
        body = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1)
    seen = np.isfinite(body).all(axis=-1) & (np.asarray(execution.visibility) >= VISIBLE)
    places = np.where(seen[..., None], body, 0.0)
    return np.concatenate([places, seen[..., None].astype(np.float64)], axis=-1)


def joints_at(execution: Execution, count: int) -> npt.NDArray[np.float32]:
    """(count, 15, 4) at instants evenly from start to end, linear between frames."""
    joints = joints_of(execution)
    wanted_s = np.linspace(execution.start_s, execution.end_s, count, endpoint=False)
    place = np.interp(wanted_s, execution.time_s, np.arange(len(joints)))
    low = np.minimum(place.astype(int), max(len(joints) - 2, 0))
    high = np.minimum(low + 1, len(joints) - 1)
    share = (place - low)[:, None, None]
    both = (joints[low, :, 3:] * joints[high, :, 3:]) > 0
    between = joints[low] * (1 - share) + joints[high] * share
    return np.where(both, between, 0.0).astype(np.float32)
