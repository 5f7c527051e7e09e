"""Scores the repetitions of a set by their likeness to each other, without any reference."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from repscore.models.scorer.files import References
from repscore.models.scorer.represent import Execution, represent
from repscore.models.scorer.score import Score, unscorable

LEAST_SET: Final = 3


def score_set(executions: Sequence[Execution]) -> list[Score]:
    """Consecutive repetitions of one person against their own median: `consistency`.

    Says how alike the repetitions are, not whether they are right. Needs three that compare.
    """
    count = len(executions)
    few = f"expected {LEAST_SET} or more; a reference clip scores single repetitions"
    if count < LEAST_SET:
        reason = f"a set of {count} repetitions has no median to compare with, {few}"
        return [unscorable("consistency", reason)] * count
    from repscore.models.scorer.reference import ReferenceScorer  # torch takes seconds, and 0.6 GB

    phases, zeros = represent(executions), np.zeros(count, np.int64)
    scorer = ReferenceScorer(References(("set",), phases, zeros, zeros))
    scores = scorer.score_as("consistency", executions, phases)
    scored = sum(score.score is not None for score in scores)
    if scored >= LEAST_SET:
        return scores
    reason = f"only {scored} of {count} repetitions compare with each other, {few}"
    return [unscorable("consistency", score.unscorable_reason or reason) for score in scores]
