"""Motion -> cycles: where a movement leaves a position, turns and returns, whatever it is.

No exercise is named anywhere. A window of motion is projected onto its own principal directions;
on each, the extremes are candidate boundaries, and dynamic programming picks the boundaries that
explain most of the window by cycles that close, turn once and look alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from repscore.models.skeleton import JOINT
from repscore.transforms.repetitions.clean import RATE_HZ

Array = npt.NDArray[np.float64]

_VECTORS = (
    ("neck", "right_elbow"), ("neck", "right_wrist"),
    ("neck", "left_elbow"), ("neck", "left_wrist"),
    ("mid_hip", "right_knee"), ("mid_hip", "right_ankle"), ("mid_hip", "left_knee"),
    ("mid_hip", "left_ankle"), ("mid_hip", "neck"), ("neck", "nose"),
)  # fmt: skip
_FROM = [JOINT[start] for start, _ in _VECTORS]
_TO = [JOINT[end] for _, end in _VECTORS]
FEATURES = 2 * len(_VECTORS)

WINDOW = round(20 * RATE_HZ)
HOP = round(2 * RATE_HZ)
LAG = round(4 * RATE_HZ)
"""A cycle is settled at the first multiple of HOP that is LAG or more after its end."""

STILL_S, STILL_TORSOS = 0.6, 0.3


@dataclass(frozen=True)
class Tuning:
    """What decides between candidate boundaries; amplitudes in torsos, times in seconds."""

    directions: int = 4
    jump: float = 3.0
    amplitude: float = 0.2
    relative_amplitude: float = 0.35
    wiggle: float = 0.15
    shortest_s: float = 0.33
    longest_s: float = 12.0
    rests_s: float = 8.0
    detour_cost: float = 1.2
    short_cost: float = 0.8
    open_cost: float = 1.0
    unlike_cost: float = 1.0
    tempo_cost: float = 0.5
    idle_cost: float = 0.5
    stray_cost: float = 0.5
    drift_s: float = 8.0


@dataclass(frozen=True)
class Cycle:
    """Grid instants of a cycle's start, turning point and end; confidence 0..1."""

    start: int
    turn: int
    end: int
    confidence: float


@dataclass(frozen=True)
class _Candidate:
    first: int  # index of the boundary it starts at
    last: int
    start: int
    turn: int
    end: int
    size: float
    quality: float
    reward: float
    course: Array


def features(image_px: Array, torso_px: float) -> Array:
    """Body-relative vectors (N, FEATURES) in torsos from image joints (N, 15, 2+)."""
    flat = image_px[..., :2]
    return ((flat[:, _TO] - flat[:, _FROM]) / torso_px).reshape(len(flat), FEATURES)


def _smoothing() -> Array:
    kernel = np.exp(-0.5 * np.arange(-3, 4) ** 2.0)
    normed: Array = kernel / kernel.sum()
    return normed


def increments(vectors: Array, tuning: Tuning) -> Array:
    """Motion from instant to instant (N, D): 0 where unknown, and where the picture was cut.

    Adding them up again gives a course without steps: a change of view is not a movement.
    """
    steps = np.diff(vectors, axis=0, prepend=vectors[:1])
    steps = np.where(np.isnan(steps), 0.0, steps)
    steps[np.linalg.norm(steps, axis=1) > tuning.jump] = 0.0
    return steps


def starts_still(steps: Array, present: npt.NDArray[np.bool_]) -> bool:
    """Whether a person who is `present` (n,) begins to move by standing still, as steps (n, D) say.

    Then that is a start position.
    """
    n = round(STILL_S * RATE_HZ)
    course = np.cumsum(steps[:n], axis=0)
    if len(course) < n or not present[:n].all():
        return False
    return float(np.linalg.norm(np.ptp(course, axis=0))) < STILL_TORSOS


def find_cycles(
    steps: Array, settled: int, anchor: int | None, tuning: Tuning
) -> tuple[Cycle, ...]:
    """The cycles in a window of increments (n, D) that start at `settled` or later.

    `anchor` is an instant of the window at which the start position is known to be held.
    """
    n = len(steps)
    smooth = sliding_window_view(np.pad(steps, ((3, 3), (0, 0))), 7, axis=0) @ _smoothing()
    energy, directions = np.linalg.eigh(smooth.T @ smooth / n)
    directions = directions[:, ::-1][:, : tuning.directions]
    share = np.sqrt(np.maximum(energy[::-1], 0.0) / max(float(energy.sum()), 1e-12))
    course = _without_drift(np.cumsum(smooth @ directions, axis=0), tuning)
    best_value, best = 0.0, tuple[Cycle, ...]()
    for direction in range(tuning.directions):
        for sign in (1.0, -1.0):
            value, found = _explain(sign * course[:, direction], course, settled, anchor, tuning)
            if value * share[direction] > best_value:
                best_value, best = value * float(share[direction]), found
    return best


def _without_drift(course: Array, tuning: Tuning) -> Array:
    reach = round(tuning.drift_s * RATE_HZ / 2)
    padded = np.pad(course, ((reach + 1, reach), (0, 0)), mode="edge")
    total = np.cumsum(padded, axis=0)
    return course - (total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1)


def extremes(signal: Array, threshold: float) -> tuple[list[int], int]:
    """Indices of alternating extremes with legs of at least `threshold`, and the first one's kind.

    Kind 1 is a maximum, -1 a minimum, 0 nothing found. The last one may still be moving.
    """
    found: list[int] = []
    kind = first = high = low = 0
    values = signal.tolist()
    for index, value in enumerate(values):
        if kind >= 0 and value > values[high]:
            high = index
        if kind <= 0 and value < values[low]:
            low = index
        if kind >= 0 and values[high] - value >= threshold:
            found.append(high)
            first = first or 1
            kind, low = -1, index
        elif kind <= 0 and value - values[low] >= threshold:
            found.append(low)
            first = first or -1
            kind, high = 1, index
    if kind:
        found.append(high if kind > 0 else low)
    return found, first


def _explain(
    signal: Array, course: Array, settled: int, anchor: int | None, tuning: Tuning
) -> tuple[float, tuple[Cycle, ...]]:
    """Cycles from minimum to minimum of a signal (n,), and how much they explain."""
    low, high = np.percentile(signal[settled:], (3, 97))
    span = float(high - low)
    if span < tuning.amplitude:
        return 0.0, ()
    places, kind = extremes(signal[settled:], max(tuning.wiggle * span, tuning.amplitude / 2))
    if not places:
        return 0.0, ()
    places = [place + settled for place in places]
    if kind == 1:
        places.insert(0, settled)
    if len(places) % 2 == 0:
        places.append(len(signal) - 1)
    candidates, travelled = _candidates(signal, course, places, span, anchor, tuning)
    return _best_chain(candidates, travelled, tuning)


def _candidates(
    signal: Array,
    course: Array,
    places: list[int],
    span: float,
    anchor: int | None,
    tuning: Tuning,
) -> tuple[list[_Candidate], Array]:
    """Cycles between nearby minima, and the way travelled up to each minimum in usual legs."""
    values = signal[places]
    legs = np.abs(np.diff(values))
    way = np.concatenate([[0.0], np.cumsum(legs)])
    usual = max(float(np.percentile(legs, 75)), 0.5 * span)
    bounds, turns = places[0::2], places[1::2]
    found = []
    for last in range(1, len(bounds)):
        for first in range(max(0, last - 3), last):
            start, end = bounds[first], bounds[last]
            seconds = (end - start) / RATE_HZ
            if not tuning.shortest_s <= seconds <= tuning.longest_s:
                continue
            turn = max(turns[first:last], key=lambda place: float(signal[place]))
            ends = (float(signal[start]), float(signal[end]))
            rise, size = float(signal[turn]) - max(ends), float(signal[turn]) - min(ends)
            if rise < max(tuning.amplitude, tuning.relative_amplitude * usual):
                continue
            detour = (way[2 * last] - way[2 * first]) / (2 * rise) - 1.0
            quality = (
                1.0
                - tuning.detour_cost * detour
                - tuning.short_cost * max(0.0, float(np.log(usual / size)))
                - tuning.open_cost * abs(ends[0] - ends[1]) / rise
            )
            if anchor is not None:
                away = float(np.linalg.norm(course[start] - course[anchor])) / size
                quality -= tuning.stray_cost * min(1.0, away)
            path = _by_phase(course, start, end)
            found.append(
                _Candidate(first, last, start, turn, end, size, quality, seconds**0.5, path)
            )
    return found, way[::2] / (2 * usual)


def _by_phase(course: Array, start: int, end: int, points: int = 12) -> Array:
    """A stretch of a course (n, K) at points + 1 instants, equally spaced: (points + 1, K)."""
    instant = start + (end - start) * np.arange(points + 1) / points
    low = np.minimum(instant.astype(np.int64), len(course) - 2)
    share = (instant - low)[:, None]
    between: Array = course[low] * (1.0 - share) + course[low + 1] * share
    return between


def _best_chain(
    candidates: list[_Candidate], travelled: Array, tuning: Tuning
) -> tuple[float, tuple[Cycle, ...]]:
    """The chain of candidates that do not overlap with the highest value."""
    if not candidates:
        return 0.0, ()
    idle = tuning.idle_cost * travelled
    value: list[float] = []
    previous: list[int] = []
    for this in candidates:
        own = this.quality * this.reward
        best, link = own - float(idle[this.first] - idle[0]), -1
        for index, that in enumerate(candidates[: len(value)]):
            if that.last > this.first:
                continue
            chained = value[index] + own - float(idle[this.first] - idle[that.last])
            if chained > best and (this.start - that.end) / RATE_HZ < tuning.rests_s:
                chained -= this.reward * _unlikeness(this, that, tuning)
            if chained > best:
                best, link = chained, index
        value.append(best)
        previous.append(link)
    closed = [
        worth - float(idle[-1] - idle[candidate.last])
        for worth, candidate in zip(value, candidates, strict=True)
    ]
    index = int(np.argmax(closed))
    if value[index] <= 0:
        return 0.0, ()
    total = closed[index]
    chain = []
    while index >= 0:
        picked = candidates[index]
        sure = min(1.0, max(0.0, picked.quality))
        chain.append(Cycle(picked.start, picked.turn, picked.end, sure))
        index = previous[index]
    return total, tuple(reversed(chain))


def _unlikeness(this: _Candidate, that: _Candidate, tuning: Tuning) -> float:
    apart = np.sqrt(((this.course - that.course) ** 2).sum(axis=1).mean())
    tempo = abs(float(np.log((this.end - this.start) / (that.end - that.start))))
    return tuning.unlike_cost * min(
        1.0, float(apart) / max(this.size, that.size)
    ) + tuning.tempo_cost * min(1.5, tempo)
