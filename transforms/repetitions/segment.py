"""Phases -> cycles: which stretches of a stream are repetitions, whatever the exercise.

Every instant has a probability for idle and for each eighth of a repetition. A cycle from a to b is
as likely as its instants are to be in the eighths that a and b imply, against being idle. Dynamic
programming picks the chain of cycles that is likeliest in all; a cycle that follows another at a
like tempo is expected, one that begins a set must earn it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.phases.network import PHASE_CLASSES
from repscore.transforms.repetitions.clean import RATE_HZ

Array = npt.NDArray[np.float64]

WINDOW: Final = round(20 * RATE_HZ)
"""Instants within which cycles are looked for."""
WAIT: Final = round(1 * RATE_HZ)
"""A cycle is given out once the phases of this many instants after its end are known."""


BOUNDARY: Final = 0.02
"""Least probability of an instant to be tried as a boundary; with 0.005, two of 108 held-out videos
of RepCount-pose and none of 75 of Countix get another count, for the worse."""

SET_COST: Final = 6.0
"""Log likelihood that a cycle must earn which follows none. Without this cost 0.69 of the videos of
RepCount-pose and 0.61 of Countix are counted to within one, with it 0.76 and 0.68."""

TEMPO_COST: Final = 8.0
"""Log likelihood per e-fold change of duration from a cycle to the next. Without it: 0.70, 0.64."""

REST_S: Final = 0.5
"""A cycle follows another one within this time; without a limit: 0.74, 0.67."""


@dataclass(frozen=True)
class Cycle:
    """Grid instants of a cycle's start and end, half open."""

    start: int
    end: int


class _Tried(NamedTuple):
    """A cycle and the best chain that it ends: its value, and the place of the cycle before."""

    start: int
    end: int
    log_length: float
    value: float
    before: int


def boundaries(phases: Array) -> npt.NDArray[np.int64]:
    """Instants of (N, 1 + classes) log probabilities at which a cycle may start or end: 0 .. N."""
    chance = np.exp(phases)
    idle, begins, ends = chance[:, 0], chance[:, 1] + chance[:, 2], chance[:, -1] + chance[:, -2]
    bound = np.empty(len(chance) + 1)
    bound[1:-1] = ends[:-1] * (idle + begins)[1:] + idle[:-1] * begins[1:]
    bound[0], bound[-1] = begins[0], ends[-1]
    before = np.concatenate([[-1.0], bound[:-1]])
    after = np.concatenate([bound[1:], [-1.0]])
    return np.flatnonzero((bound > BOUNDARY) & (bound >= before) & (bound >= after))


def find_cycles(phases: Array, last_length: int | None) -> tuple[Cycle, ...]:
    """The likeliest chain of cycles in log probabilities (N, 1 + classes) of consecutive instants.

    `last_length` is the length of a cycle that ends where the instants begin, if one does.
    """
    times = boundaries(phases).tolist() if len(phases) else []
    if len(times) < 2:
        return ()
    tried: list[_Tried] = []
    if last_length is not None:
        tried.append(_Tried(-last_length, 0, math.log(last_length), 0.0, -1))
    best, leader = [0.0] * len(times), [-1] * len(times)  # of chains up to each boundary
    ending: list[list[int]] = [[] for _ in times]  # places in `tried`, per boundary
    if tried and times[0] == 0:
        ending[0].append(0)
    rest, done = REST_S * RATE_HZ, -1
    for first, last, gain in _pairs(phases, times):
        while done < last:  # a boundary's best chain is that of the one before, or a better one
            done += 1
            if done:
                best[done], leader[done] = best[done - 1], leader[done - 1]
        start, end = times[first], times[last]
        log_length = math.log(end - start)
        value, before = gain - SET_COST + best[first], leader[first]
        near = first
        while near >= 0 and start - times[near] < rest:
            for place in ending[near]:
                change = abs(log_length - tried[place].log_length)
                follows = gain + tried[place].value - TEMPO_COST * change
                if follows > value:
                    value, before = follows, place
            near -= 1
        if value > best[last]:
            best[last], leader[last] = value, len(tried)
        ending[last].append(len(tried))
        tried.append(_Tried(start, end, log_length, value, before))
    return _unwound(tried, leader[done] if done >= 0 else -1)


def _pairs(phases: Array, bounds: Sequence[int]) -> Iterator[tuple[int, int, float]]:
    """Indices of boundaries (first, last) of the cycles worth a try, in order of the last.

    With each comes its log likelihood ratio, cycle against idle. One that loses more than the cost
    of a new set is in no best chain.
    """
    times = np.array(bounds)
    lengths = times[None, :] - times[:, None]
    last, first = np.nonzero((lengths > 0).T)
    gain = phases[:, 1:] - phases[:, :1]
    total = np.concatenate([np.zeros((1, PHASE_CLASSES)), np.cumsum(gain, axis=0)])
    start, length = times[first], lengths[first, last]
    at = start[:, None] + np.round(
        length[:, None] * (np.arange(PHASE_CLASSES + 1) / PHASE_CLASSES)
    ).astype(int)
    phase = np.arange(PHASE_CLASSES)
    ratio = (total[at[:, 1:], phase] - total[at[:, :-1], phase]).sum(axis=1)
    worth = ratio > -SET_COST
    yield from zip(first[worth].tolist(), last[worth].tolist(), ratio[worth].tolist(), strict=True)


def _unwound(tried: Sequence[_Tried], place: int) -> tuple[Cycle, ...]:
    chain: list[Cycle] = []
    while place >= 0:
        cycle = tried[place]
        if cycle.start >= 0:
            chain.append(Cycle(cycle.start, cycle.end))
        place = cycle.before
    return tuple(reversed(chain))


def confidence(phases: Array) -> float:
    """Mean probability (0..1) that instants (N, 1 + classes) of a cycle are near their phase."""
    n = len(phases)
    phase = (np.arange(n) * PHASE_CLASSES)[:, None] // n + np.array([-1, 0, 1])
    chance = np.exp(phases[np.arange(n)[:, None], 1 + phase % PHASE_CLASSES])
    return float(chance.sum() / n)
