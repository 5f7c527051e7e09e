"""Names the exercise of a set by its repetitions together, and judges them by its norm."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.consistency import score_set
from repscore.models.scorer.learned import LearnedScorer, Recognised
from repscore.models.scorer.model import ScorerModel, version_of
from repscore.models.scorer.norms.judge import judge, performs
from repscore.models.scorer.norms.quantities import Measurer
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.score import Score

_LEAST_PROBABILITY: Final = 1e-3
CHANGE_COST: Final = 1.01 * -math.log(_LEAST_PROBABILITY)
"""Log likelihood that another name within a set must earn: more than one repetition can give, so
that an odd one takes the name of its set, and less than two sure ones give."""

Array = npt.NDArray[np.float64]


class NormScorer:
    """A trained scorer that only names; norms judge.

    An exercise without a norm is scored by its likeness, as a trained scorer does; a set of no
    known exercise by its consistency. Exercises that reference clips define are scored by them.
    """

    def __init__(self, model: ScorerModel) -> None:
        if model.norms is None:
            raise ValueError("expected a scorer with norms, found one without")
        self._norms = model.norms
        self._learned = LearnedScorer(model)
        self.version = version_of(model)

    def score(self, executions: Sequence[Execution], sets: Sequence[Sequence[int]]) -> list[Score]:
        """A score for each execution, in order.

        Args:
            sets: rows of executions, one person's and in time order; all rows are in one set.
        """
        if not executions:
            return []
        found: dict[int, Score] = {}
        by_reference = enumerate(self._learned.by_reference(executions))
        found |= {
            row: each for row, each in by_reference if each is not None and each.score is not None
        }
        rest = [[row for row in rows if row not in found] for rows in sets]
        measurer = Measurer(executions)
        if self._norms.exercise is not None:
            parts = [_Part(rows, self._norms.exercise, None) for rows in rest if rows]
        else:
            recognised = self._learned.recognise(executions)
            found |= {
                row: refused
                for row, refused in enumerate(recognised.refused)
                if refused is not None and row not in found
            }
            rest = [[row for row in rows if row not in found] for rows in rest]
            likely = recognised.outputs.probabilities * self._performed(measurer)
            parts = [
                part for rows in rest if rows for part in self._named(recognised, likely, rows)
            ]
            found |= self._by_likeness(executions, recognised, parts)
        found |= self._by_norm(executions, measurer, parts)
        for rows in rest:
            unknown = {row: each for each in parts for row in each.rows if each.exercise is None}
            found |= _consistent(executions, {row: unknown[row] for row in rows if row in unknown})
        return [found[row] for row in range(len(executions))]

    def _performed(self, measurer: Measurer) -> npt.NDArray[np.bool_]:
        """(R, E) whether a repetition shows the movement of an exercise."""
        names = self._learned.model.rules.exercises
        can_be = np.ones((len(measurer), len(names)), bool)
        for column, name in enumerate(names):
            if name in self._norms.norms:
                can_be[:, column] = performs(self._norms.norms[name], measurer)
        return can_be

    def _named(self, recognised: Recognised, likely: Array, rows: Sequence[int]) -> list["_Part"]:
        """A set, cut where another exercise begins.

        Args:
            likely: (R, E) probabilities, 0 where the movement is another one.
        """
        probabilities = likely[list(rows)]
        names = chain(probabilities)
        cuts = np.flatnonzero(np.diff(names)) + 1
        parts = []
        for members in np.split(np.arange(len(rows)), cuts):
            number = int(names[members[0]])
            own = [rows[index] for index in members]
            distance = float(np.median(self._learned.distance(recognised, own, number)))
            if np.median(probabilities[members, number]) == 0:  # most show another movement
                distance = float("inf")
            confidence = float(probabilities[members, number].mean())
            name = self._learned.model.rules.exercises[number]
            reason = self._learned.unknown_reason(name, distance)
            if reason is None:
                parts.append(_Part(own, name, confidence, distance))
            else:
                parts.append(_Part(own, None, confidence, distance, reason))
        return parts

    def _by_norm(
        self, executions: Sequence[Execution], measurer: Measurer, parts: Sequence["_Part"]
    ) -> dict[int, Score]:
        """The repetitions of exercises that have a norm."""
        found = {}
        for name, norm in self._norms.norms.items():
            member = {row: part for part in parts if part.exercise == name for row in part.rows}
            scores = judge(norm, [executions[row] for row in member], measurer.of([*member]))
            for (row, part), score in zip(member.items(), scores, strict=True):
                found[row] = replace(
                    score,
                    exercise=name,
                    exercise_confidence=part.confidence,
                    distance=part.distance,
                )
        return found

    def _by_likeness(
        self, executions: Sequence[Execution], recognised: Recognised, parts: Sequence["_Part"]
    ) -> dict[int, Score]:
        rest = [
            part
            for part in parts
            if part.exercise is not None and part.exercise not in self._norms.norms
        ]
        found = {}
        for part in rest:
            scores = self._learned.scored_as(
                [executions[row] for row in part.rows], recognised, part.rows, str(part.exercise)
            )
            for row, score in zip(part.rows, scores, strict=True):
                found[row] = replace(score, exercise_confidence=part.confidence)
        return found


class _Part:
    """Repetitions in a row of one exercise; None where it is not known, and why."""

    def __init__(
        self,
        rows: Sequence[int],
        exercise: str | None,
        confidence: float | None,
        distance: float | None = None,
        reason: str = "",
    ) -> None:
        self.rows, self.exercise, self.confidence = rows, exercise, confidence
        self.distance, self.reason = distance, reason


def _consistent(executions: Sequence[Execution], unknown: "dict[int, _Part]") -> dict[int, Score]:
    """A set of no known exercise; a reason names the exercise that was nearest, too."""
    scores = score_set([executions[row] for row in unknown])
    found = {}
    for (row, part), score in zip(unknown.items(), scores, strict=True):
        reason = score.unscorable_reason
        found[row] = replace(
            score,
            exercise_confidence=part.confidence,
            distance=part.distance,
            unscorable_reason=None if reason is None else f"{part.reason}; {reason}",
        )
    return found


def chain(probabilities: Array) -> npt.NDArray[np.int64]:
    """(R,) likeliest names of consecutive repetitions (R, E), where a change of name has a cost."""
    gain = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    total, before = gain[0], []
    for row in gain[1:]:
        best = int(total.argmax())
        stays = total >= total[best] - CHANGE_COST
        before.append(np.where(stays, np.arange(len(total)), best))
        total = np.where(stays, total, total[best] - CHANGE_COST) + row
    names = [int(total.argmax())]
    for row in reversed(before):
        names.append(int(row[names[-1]]))
    return np.array(names[::-1], np.int64)
