"""Repetitions of many recordings through a scorer in one batch."""

from collections.abc import Sequence
from typing import Protocol

from repscore.models.scorer.files import CONSISTENCY_VERSION
from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.reference import (
    ReferenceScorer,
    Verdict,
    score_set,
)
from repscore.models.scorer.represent import Execution
from repscore.transforms.records import Recording, Remark, Repetition, Score, ScoredRecording
from repscore.transforms.score.sets import sessions


class Scorer(Protocol):
    """Scores the repetitions of recordings; the verdicts come in their order."""

    version: str

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Verdict]]:
        """One list of verdicts per recording."""
        ...


class ByReference:
    """Every repetition against the references, all recordings in one batch."""

    def __init__(self, model: ReferenceScorer) -> None:
        self._model = model
        self.version = model.version

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Verdict]]:
        """One list of verdicts per recording."""
        executions = [
            execution_of(repetition)
            for recording in recordings
            for repetition in recording.repetitions
        ]
        verdicts = iter(self._model.score(executions))
        return [[next(verdicts) for _ in recording.repetitions] for recording in recordings]


class ByLearning:
    """Every repetition through a trained scorer, all recordings in one batch."""

    def __init__(self, model: LearnedScorer) -> None:
        self._model = model
        self.version = model.version

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Verdict]]:
        """One list of verdicts per recording."""
        every = [found for recording in recordings for found in recording.repetitions]
        scored = self._model.score(list(map(execution_of, every)), [one.view for one in every])
        verdicts = iter(scored)
        return [[next(verdicts) for _ in recording.repetitions] for recording in recordings]


class ByConsistency:
    """Every repetition against the others of its set."""

    version = CONSISTENCY_VERSION

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Verdict]]:
        """One list of verdicts per recording."""
        return [_consistency(recording.repetitions) for recording in recordings]


def _consistency(repetitions: Sequence[Repetition]) -> list[Verdict]:
    verdicts: dict[int, Verdict] = {}
    for person in sorted({repetition.person for repetition in repetitions}):
        own = [(i, found) for i, found in enumerate(repetitions) if found.person == person]
        for members in sessions(own, lambda pair: (pair[1].start_s, pair[1].end_s)):
            scored = score_set([execution_of(repetition) for _, repetition in members])
            verdicts |= zip((index for index, _ in members), scored, strict=True)
    return [verdicts[index] for index in range(len(repetitions))]


def score_recordings(recordings: Sequence[Recording], scorer: Scorer) -> list[ScoredRecording]:
    """The recordings with the score of each of their repetitions."""
    return [
        ScoredRecording(recording, tuple(map(score_of, verdicts)), scorer.version)
        for recording, verdicts in zip(recordings, scorer(recordings), strict=True)
    ]


def execution_of(repetition: Repetition) -> Execution:
    """What a scorer sees of a repetition."""
    return Execution(
        start_s=repetition.start_s,
        turn_s=repetition.turn_s,
        end_s=repetition.end_s,
        time_s=repetition.time_s,
        flat=repetition.flat,
        body=repetition.body,
        visibility=repetition.visibility,
    )


def score_of(verdict: Verdict) -> Score:
    """A verdict as a record."""
    return Score(
        score=verdict.score,
        score_low=verdict.score_low,
        score_high=verdict.score_high,
        score_kind=verdict.score_kind,
        exercise=verdict.exercise,
        exercise_confidence=verdict.exercise_confidence,
        unscorable_reason=verdict.unscorable_reason,
        remarks=tuple(
            Remark(
                joint=found.joint,
                quantity=found.quantity,
                phase=found.phase,
                start_s=found.start_s,
                end_s=found.end_s,
                start_frame=found.start_frame,
                end_frame=found.end_frame,
                measured=found.measured,
                expected_low=found.expected_low,
                expected_high=found.expected_high,
                deviation=found.deviation,
                message=found.message,
            )
            for found in verdict.findings
        ),
    )
