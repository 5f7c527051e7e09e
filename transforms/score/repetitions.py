"""Repetitions of many recordings through a scorer in one batch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from repscore.models.scorer.consistency import score_set
from repscore.models.scorer.files import CONSISTENCY_VERSION
from repscore.models.scorer.score import Kind, Score, unscorable
from repscore.transforms.records import Recording, Repetition, ScoredRecording, failure_of
from repscore.transforms.score.sets import sessions

if TYPE_CHECKING:  # torch is slow to import, and consistency seldom needs it
    from repscore.models.scorer.learned import LearnedScorer
    from repscore.models.scorer.named import NormScorer
    from repscore.models.scorer.reference import ReferenceScorer


class Scorer(Protocol):
    """Scores the repetitions of recordings; the scores come in their order."""

    version: str
    kind: Kind

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        ...


class ByModel:
    """Every repetition by itself, all recordings in one batch."""

    def __init__(self, model: "ReferenceScorer | LearnedScorer", kind: Kind) -> None:
        self._model = model
        self.version = model.version
        self.kind: Kind = kind

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        batch = [rep for recording in recordings for rep in recording.repetitions]
        scores = iter(self._model.score(batch))
        return [[next(scores) for _ in recording.repetitions] for recording in recordings]


class ByNorm:
    """Every repetition against the norm of its exercise, which its set names."""

    kind: Kind = "norm"

    def __init__(self, model: "NormScorer") -> None:
        self._model = model
        self.version = model.version

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording; all recordings are one batch."""
        batch = [rep for recording in recordings for rep in recording.repetitions]
        sets, first = [], 0
        for recording in recordings:
            sets += [[first + row for row in rows] for rows in _sets(recording.repetitions)]
            first += len(recording.repetitions)
        scores = iter(self._model.score(batch, sets))
        return [[next(scores) for _ in recording.repetitions] for recording in recordings]


class ByConsistency:
    """Every repetition against the others of its set."""

    version = CONSISTENCY_VERSION
    kind: Kind = "consistency"

    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        """One list of scores per recording."""
        return [_consistency(recording.repetitions) for recording in recordings]


def _consistency(repetitions: Sequence[Repetition]) -> list[Score]:
    scores: dict[int, Score] = {}
    for rows in _sets(repetitions):
        scores |= zip(rows, score_set([repetitions[row] for row in rows]), strict=True)
    return [scores[index] for index in range(len(repetitions))]


def _sets(repetitions: Sequence[Repetition]) -> list[list[int]]:
    """Rows of repetitions of one person with short rests between, whatever exercise they are."""
    found = []
    for person in sorted({repetition.person for repetition in repetitions}):
        own = [(i, each) for i, each in enumerate(repetitions) if each.person == person]
        together = sessions(own, lambda pair: (pair[1].start_s, pair[1].end_s))
        found += [[row for row, _ in members] for members in together]
    return found


def score_recordings(recordings: Sequence[Recording], scorer: Scorer) -> list[ScoredRecording]:
    """The recordings with the score of each of their repetitions."""
    return [
        ScoredRecording(recording, tuple(scores), scorer.version)
        for recording, scores in zip(recordings, scorer(recordings), strict=True)
    ]


def score_each(recordings: Sequence[Recording], scorer: Scorer) -> list[ScoredRecording]:
    """The same, where a recording may fail: it keeps its repetitions, unscored, and a failure.

    A batch that fails is tried one by one before a recording is blamed.
    """
    try:
        return score_recordings(recordings, scorer)
    except Exception as error:  # one recording never ends a run
        if len(recordings) > 1:
            return [scored for each in recordings for scored in score_each([each], scorer)]
        (recording,) = recordings
        failure = failure_of(recording.video, "score", error)
        failed = replace(recording, failures=(*recording.failures, failure))
        reason = f"{failure.error_class}: {failure.message}"
        scores = (unscorable(scorer.kind, reason),) * len(recording.repetitions)
        return [ScoredRecording(failed, scores, scorer.version)]
