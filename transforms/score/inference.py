"""Scoring by a model: a RunInference handler that gives it the repetitions of many recordings."""
# Beam's own annotations of ModelHandler are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.model import ScorerModel, read_scorer
from repscore.models.scorer.named import NormScorer
from repscore.models.scorer.reference import ReferenceScorer
from repscore.transforms.errors import DatasetUnusable, retried, words_of
from repscore.transforms.files import open_binary
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.records import Recording, ScoredRecording
from repscore.transforms.score.repetitions import ByModel, ByNorm, Scorer, score_each

_BATCH_REPETITIONS = 2048


class ScorerHandler(ModelHandler[Recording, ScoredRecording, Scorer]):
    """Loads a scorer once per process and gives it batches of recordings."""

    def __init__(self, scorer: str) -> None:
        # Beam would begin with batches of one; what a bundle ends with is scored in any case.
        super().__init__(
            min_batch_size=_BATCH_REPETITIONS,
            max_batch_size=_BATCH_REPETITIONS,
            element_size_fn=_repetitions_of,
        )
        self._scorer = scorer
        self._metrics = StageMetrics("score")

    def load_model(self) -> Scorer:
        """What `load_scorer` gives."""
        try:
            return retried(lambda: load_scorer(self._scorer))
        except Exception as error:
            raise DatasetUnusable(
                f"{self._scorer}: the scorer cannot be read: {words_of(error)}"
            ) from error

    def run_inference(
        self,
        batch: Sequence[Recording],
        model: Scorer,
        inference_args: Mapping[str, Any] | None = None,  # noqa: ARG002 - Beam's signature
    ) -> Iterable[ScoredRecording]:
        """Score a batch of recordings."""
        for _ in batch:
            self._metrics.count_in()
        with self._metrics.timed():
            scored = score_each(batch, model)
        for _ in scored:
            self._metrics.count_out()
        return scored

    def get_num_bytes(self, batch: Sequence[Recording]) -> int:
        """Bytes of the keypoints, for a metric of Beam's; its own way is to pickle the batch."""
        found = (each for recording in batch for each in recording.repetitions)
        return sum(e.flat.nbytes + e.body.nbytes + e.visibility.nbytes for e in found)

    def get_metrics_namespace(self) -> str:
        """Beam's own inference metrics appear under this name."""
        return "repscore.score"


def load_scorer(scorer: str) -> Scorer:
    """The scorer in a file or object.

    Raises FileNotFoundError, and ValueError for a file that holds none.
    """
    with open_binary(scorer) as file:
        found = read_scorer(file.read(), scorer)
    if isinstance(found, ScorerModel) and found.norms is not None:
        return ByNorm(NormScorer(found))
    if isinstance(found, ScorerModel):
        return ByModel(LearnedScorer(found), "learned")
    return ByModel(ReferenceScorer(found).eval(), "reference")


def _repetitions_of(recording: Recording) -> int:
    return max(1, len(recording.repetitions))
