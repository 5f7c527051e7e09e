"""Repetitions of one person and exercise, grouped into sets by the rests between them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from repscore.models.scorer.score import Score
from repscore.transforms.records import Repetition

GAP_S = 20.0
COUNTS_TOO_MANY, COUNTS_TOO_FEW = 3.54, 5.04
"""Doubts by which a count is too high or too low, at most, in 90 % of 120 videos of RepCount-pose
and Countix that were counted by a network trained without them (research/count_intervals.py)."""
UNSURE = 5
"""Width of the interval above which a count is called unsure: of those 120 videos 43 % are, and
0.62 of them are counted to within one, of the others 0.82."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Set:
    """Repetitions with rests below the gap; the span [start_s, end_s) covers them all.

    Attributes:
        scored: how many of the repetitions have a score.
        count_low, count_high: the true number lies in [low, high] in 90 % of sets like this one.
        unsure: that interval is wider than UNSURE.
        mean_score: over those; None where there is none.
        tempo_per_min: repetitions per minute of the span.
        fatigue_slope: least-squares change of the score from one repetition to the next; None
            with fewer than three scores.
    """

    person: int
    exercise: str | None
    start_s: float
    end_s: float
    repetitions: int
    count_low: int
    count_high: int
    unsure: bool
    scored: int
    mean_score: float | None
    tempo_per_min: float
    fatigue_slope: float | None


def sets_of(
    repetitions: Sequence[Repetition], scores: Sequence[Score], gap_s: float = GAP_S
) -> tuple[Set, ...]:
    """The sets of a recording in the order of their start.

    The semantics of session windows: a repetition is an element, keyed by (person, exercise), with
    the window [start_s, end_s + gap_s); windows of a key that overlap merge. So a rest of exactly
    `gap_s` separates, and a repetition that contains another keeps the set open until its own end.
    Repetitions without an exercise form sets of their own.
    """
    keyed: dict[tuple[int, str | None], list[tuple[Repetition, Score]]] = defaultdict(list)
    for repetition, score in zip(repetitions, scores, strict=True):
        keyed[repetition.person, score.exercise].append((repetition, score))
    found = [
        _summary(person, exercise, members)
        for (person, exercise), scored in keyed.items()
        for members in sessions(scored, _span_s, gap_s)
    ]
    return tuple(sorted(found, key=lambda s: (s.start_s, s.person, s.exercise or "")))


def sessions(
    items: Iterable[_T], span_s: Callable[[_T], tuple[float, float]], gap_s: float = GAP_S
) -> Iterator[list[_T]]:
    """Items grouped by rests, in time order: the rest before each group is at least `gap_s`.

    `span_s` gives the start and the end of an item. A rest counts from the latest end so far.
    """
    members: list[_T] = []
    latest_s = float("-inf")
    for item in sorted(items, key=span_s):
        start_s, end_s = span_s(item)
        if members and start_s >= latest_s + gap_s:
            yield members
            members, latest_s = [], float("-inf")
        members.append(item)
        latest_s = max(latest_s, end_s)
    if members:
        yield members


def _span_s(scored: tuple[Repetition, Score]) -> tuple[float, float]:
    return scored[0].start_s, scored[0].end_s


def _summary(person: int, exercise: str | None, members: Sequence[tuple[Repetition, Score]]) -> Set:
    start_s = members[0][0].start_s
    end_s = max(repetition.end_s for repetition, _ in members)
    low, high = count_interval([repetition.confidence for repetition, _ in members])
    points = [(i, s.score) for i, (_, s) in enumerate(members) if s.score is not None]
    return Set(
        person=person,
        exercise=exercise,
        start_s=start_s,
        end_s=end_s,
        repetitions=len(members),
        count_low=low,
        count_high=high,
        unsure=high - low > UNSURE,
        scored=len(points),
        mean_score=fmean(score for _, score in points) if points else None,
        tempo_per_min=60.0 * len(members) / (end_s - start_s),
        fatigue_slope=_slope(points),
    )


def count_interval(confidences: Sequence[float]) -> tuple[int, int]:
    """Where the true number of repetitions lies, with 90 %; given the confidence of each found.

    Of a set of which nothing was found there is no interval.
    """
    count, unit = len(confidences), doubt(confidences)
    low = max(1, count - int(COUNTS_TOO_MANY * unit))
    return low, count + int(COUNTS_TOO_FEW * unit)


def doubt(confidences: Sequence[float]) -> float:
    """What errors of counts are measured in: it falls with confidence and grows with the count."""
    return float(len(confidences) ** 0.25 * (1.2 - fmean(confidences)))


def _slope(points: Sequence[tuple[int, float]]) -> float | None:
    """Least-squares slope of score over rank in the set; unscored repetitions keep their rank."""
    if len(points) < 3:
        return None
    ranks, scores = zip(*points, strict=True)
    rank, score = fmean(ranks), fmean(scores)
    covariance: float = sum((x - rank) * (y - score) for x, y in points)
    variance: float = sum((x - rank) ** 2 for x in ranks)
    return covariance / variance
