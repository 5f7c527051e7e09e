"""Two plain counters, to compare with: peaks of the first principal component of the joints."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from repscore.models.phases.metrics import Spans
from repscore.models.skeleton import to_canonical
from repscore.transforms.records import PoseFrames

Array = npt.NDArray[np.float64]

RATE_HZ = 15.0
_SHORTEST_S, _LONGEST_S = 0.4, 10.0


def first_component(poses: PoseFrames) -> Array:
    """The course (T,) of the joints along their first principal component, at 15 Hz, smoothed."""
    joints = to_canonical(poses.image_px[..., :2].astype(np.float64), poses.topology)
    centred = (joints - joints.mean(axis=1, keepdims=True)).reshape(len(joints), -1)
    known = ~np.isnan(centred).any(axis=1)
    if known.sum() < 2:
        return np.zeros(0)
    time_s = np.arange(poses.time_s[0], poses.time_s[-1], 1 / RATE_HZ)
    course = np.stack(
        [np.interp(time_s, poses.time_s[known], column) for column in centred[known].T], axis=1
    )
    course -= course.mean(axis=0)
    _, directions = np.linalg.eigh(course.T @ course)
    smooth: Array = gaussian_filter1d(course @ directions[:, -1], 2.0)
    return smooth


def component_peaks(poses: PoseFrames) -> Spans:
    """From peak to peak of the first component, prominent by a standard deviation."""
    course = first_component(poses)
    return _between(*_peaks(course, 1, 1.0), poses) if len(course) else ()


def autocorrelation_peaks(poses: PoseFrames) -> Spans:
    """The same, with peaks at least 0.6 periods apart, the period from the autocorrelation.

    The period is the shortest lag whose peak reaches 0.8 of the highest one.
    """
    course = first_component(poses)
    n = len(course)
    if n < 2 * round(_SHORTEST_S * RATE_HZ) or not course.any():
        return ()
    alike = np.correlate(course, course, "full")[n - 1 :] / np.arange(n, 0, -1)
    lags = slice(round(_SHORTEST_S * RATE_HZ), min(n // 2, round(_LONGEST_S * RATE_HZ)))
    tops, _ = find_peaks(alike[lags])
    if not len(tops):
        return ()
    high = alike[lags][tops]
    period = lags.start + int(tops[np.argmax(high >= 0.8 * high.max())])
    return _between(*_peaks(course, max(1, round(0.6 * period)), 0.7), poses)


def _peaks(course: Array, apart: int, prominence: float) -> tuple[npt.NDArray[np.intp], int]:
    """Extremes of the sign that has more of them, and the length of the course."""
    kinds = [
        find_peaks(sign * course, distance=apart, prominence=prominence * course.std())[0]
        for sign in (1.0, -1.0)
    ]
    return max(kinds, key=len), len(course)


def _between(peaks: npt.NDArray[np.intp], length: int, poses: PoseFrames) -> Spans:
    """One repetition around each peak: bounds half way between neighbours."""
    if not len(peaks):
        return ()
    half = (peaks[1:] + peaks[:-1]) / 2
    reach = (peaks[1] - peaks[0]) / 2 if len(peaks) > 1 else length / 2
    bounds = np.concatenate([[max(0.0, peaks[0] - reach)], half, [min(length, peaks[-1] + reach)]])
    seconds = float(poses.time_s[0]) + bounds / RATE_HZ
    return tuple((float(a), float(b)) for a, b in pairwise(seconds))
