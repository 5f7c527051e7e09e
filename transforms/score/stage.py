"""Wiring of stage 6: recordings in, scored recordings out, through RunInference."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from repscore.transforms.metrics import StageMetrics
from repscore.transforms.records import Recording, ScoredRecording
from repscore.transforms.score.repetitions import ByConsistency, score_each


@dataclass
class ScoreRepetitions(beam.PTransform[Recording, ScoredRecording]):
    """Score every repetition.

    `scorer` names a scorer file, whose model gets batches over the repetitions of many recordings.
    Without one, repetitions are scored by their consistency, recording by recording.
    """

    scorer: str | None = None

    def expand(self, recordings: beam.PCollection[Recording]) -> beam.PCollection[ScoredRecording]:
        """One RunInference where there is a model."""
        if self.scorer is None:
            consistency = beam.ParDo(_Consistency()).with_output_types(ScoredRecording)
            return recordings | "Score" >> consistency
        # RunInference itself imports torch, which takes seconds and 0.6 GB.
        from apache_beam.ml.inference.base import RunInference

        from repscore.transforms.score.inference import ScorerHandler

        return recordings | "Score" >> RunInference(ScorerHandler(self.scorer))


class _Consistency(beam.DoFn):
    def __init__(self) -> None:
        self._scorer = ByConsistency()
        self._metrics = StageMetrics("score")

    def process(self, element: Recording) -> Iterator[ScoredRecording]:
        self._metrics.count_in()
        with self._metrics.timed():
            scored = score_each([element], self._scorer)
        self._metrics.count_out()
        yield from scored
