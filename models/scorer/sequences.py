"""What the scorer network sees of repetitions: joints at 64 instants, whatever they lasted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import PHASE_SAMPLES, VISIBLE, Execution, resampler

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
    times_s = [even_times_s(each, PHASE_SAMPLES) for each in executions]
    return Sequences(joints_at(executions, times_s), log_durations(executions))


def even_times_s(execution: Execution, count: int) -> npt.NDArray[np.float64]:
    """(count,) instants evenly from the start on; the end is not one of them."""
    return np.linspace(execution.start_s, execution.end_s, count, endpoint=False)


def log_durations(executions: Sequence[Execution]) -> npt.NDArray[np.float32]:
    """(R, 1) natural logarithm of the seconds."""
    seconds = np.array([each.end_s - each.start_s for each in executions], np.float64)[:, None]
    return np.log(np.maximum(seconds, 0.1)).astype(np.float32)


def joints_of(execution: Execution) -> Floats:
    """(T, 15, 3) in space where it has depth, else in the picture; NaN where not seen."""
    joints = np.asarray(execution.body, np.float64)
    if not np.isfinite(joints).any():
        flat = np.asarray(execution.flat, np.float64) * np.array([1.0, -1.0])
        joints = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1)
    seen = np.isfinite(joints).all(axis=-1) & (np.asarray(execution.visibility) >= VISIBLE)
    return np.where(seen[..., None], joints, np.nan)


def joints_at(
    executions: Sequence[Execution], times_s: Sequence[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float32]:
    """(R, T, 15, 4) as in `Sequences`, at T instants of each execution."""
    if not executions:
        return np.zeros((0, PHASE_SAMPLES, 15, 4), np.float32)
    joints = resampler(executions, np.stack(times_s))([joints_of(each) for each in executions])
    seen = np.isfinite(joints).all(axis=-1, keepdims=True)
    return np.concatenate([np.where(seen, joints, 0.0), seen], axis=-1).astype(np.float32)
