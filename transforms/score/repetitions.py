"""Repetitions of many recordings through a scorer in one batch."""

from collections.abc import Sequence
from typing import Protocol

from repscore.models.scorer.files import CONSISTENCY_VERSION
from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.reference import ReferenceScorer, score_set
from repscore.models.scorer.score import Score
from repscore.transforms.records import Recording, Repetition, ScoredRecording
from repscore.transforms.score.sets import sessions


class Scorer(Protocol):
    """Scores the repetitions of recordings; the scores come in their order."""

    version: str

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        ...


class ByModel:
    """Every repetition by itself, all recordings in one batch."""

    def __init__(self, model: ReferenceScorer | LearnedScorer) -> None:
        self._model = model
        self.version = model.version

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        batch = [rep for recording in recordings for rep in recording.repetitions]
        scores = iter(self._model.score(batch))
        return [[next(scores) for _ in recording.repetitions] for recording in recordings]


class ByConsistency:
    """Every repetition against the others of its set."""

    version = CONSISTENCY_VERSION

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        return [_consistency(recording.repetitions) for recording in recordings]


def _consistency(repetitions: Sequence[Repetition]) -> list[Score]:
    scores: dict[int, Score] = {}
    for person in sorted({repetition.person for repetition in repetitions}):
        own = [(i, found) for i, found in enumerate(repetitions) if found.person == person]
        for members in sessions(own, lambda pair: (pair[1].start_s, pair[1].end_s)):
            scored = score_set([repetition for _, repetition in members])
            scores |= zip((index for index, _ in members), scored, strict=True)
    return [scores[index] for index in range(len(repetitions))]


def score_recordings(recordings: Sequence[Recording], scorer: Scorer) -> list[ScoredRecording]:
    """The recordings with the score of each of their repetitions."""
    return [
        ScoredRecording(recording, tuple(scores), scorer.version)
        for recording, scores in zip(recordings, scorer(recordings), strict=True)
    ]
