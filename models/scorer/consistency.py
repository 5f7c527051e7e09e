"""Scores the repetitions of a set by their likeness to each other, without any reference."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from repscore.models.scorer.files import References
from repscore.models.scorer.represent import Execution, represent
from repscore.models.scorer.score import Score, unscorable

LEAST_SET: Final = 3
MOST_COMPARED: Final = 256
"""Repetitions of a longer set that make its median, evenly spread: memory stays bounded."""


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

    typical = np.linspace(0, count - 1, min(count, MOST_COMPARED)).round().astype(int)
    phases, zeros = represent([executions[i] for i in typical]), np.zeros(len(typical), np.int64)
    scorer = ReferenceScorer(References(("set",), phases, zeros, zeros))
    scores = []
    for first in range(0, count, MOST_COMPARED):
        some = executions[first : first + MOST_COMPARED]
        of_some = phases if len(some) == count else represent(some)
        scores += scorer.score_as("consistency", some, of_some)
    scored = sum(score.score is not None for score in scores)
    if scored >= LEAST_SET:
        return scores
    reason = f"only {scored} of {count} repetitions compare with each other, {few}"
    return [unscorable("consistency", score.unscorable_reason or reason) for score in scores]
