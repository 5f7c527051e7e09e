"""The main movement of a person, as one curve."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def main_movement(
    time_s: Array,
    values: npt.NDArray[np.floating],
    repetitions: Sequence[tuple[float, float, float]],
) -> Array:
    """Where the body is along its main movement (N,); NaN where it is not seen.

    The first principal component of the coordinates within repetitions, each counted from its own
    mean, so that where somebody turned round between them says nothing. Turning points lie up.

    Args:
        time_s: (N,) increasing.
        values: (N, D) coordinates of joints, NaN where not seen.
        repetitions: (start_s, turn_s, end_s) of each.
    """
    known = np.isfinite(values)
    there = known.any(axis=1)
    if not there.any():
        return np.full(len(values), np.nan)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away: Array = np.where(known, values - mean, 0.0)
    spans = [(time_s >= start_s) & (time_s < end_s) & there for start_s, _, end_s in repetitions]
    moving = [away[span] - away[span].mean(axis=0) for span in spans if span.sum() > 1]
    used = np.concatenate(moving) if moving else away[there] - away[there].mean(axis=0)
    course = away @ np.linalg.eigh(used.T @ used)[1][:, -1]
    if repetitions:
        ends = np.array([[turn_s, start_s] for start_s, turn_s, _ in repetitions])
        at = np.interp(ends, time_s[there], course[there])
        course *= np.sign((at[:, 0] - at[:, 1]).sum()) or 1.0
    return np.where(there, course, np.nan)
