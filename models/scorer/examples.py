"""What a scorer is learned from, and what may be told of how."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.learned import as_seen_by
from repscore.models.scorer.lengths import Sequences, joined, sequences_of
from repscore.models.scorer.network import Recipe, Targets
from repscore.pipelines.evaluate.labelled import Truth
from repscore.pipelines.train.drawn import drawn, others
from repscore.pipelines.train.examples import Examples, NoExamples

Rows = npt.NDArray[np.intp]
Truths = npt.NDArray[np.bool_]

_LEAST_OF_EXERCISE: Final = 3


@dataclass(frozen=True)
class Tuning:
    """What a training may be told; all of it enters the checkpoints' stamp.

    Attributes:
        patience: epochs without a smaller loss on people held out after which a training ends, with
            its best epoch; None: it ends when its learning rate has come to rest, which is better
            where few people are held out (decision 22).
        drawn: executions drawn of each exercise that is known to `drawn`, learned from beside all
            others and never asked about.
        drawn_others: executions drawn of each exercise that is none of the data's, learned from as
            none of them.
    """

    seed: int = 0
    recipe: Recipe = Recipe()  # noqa: RUF009 - frozen
    folds: int = 8
    patience: int | None = None
    drawn: int = 0
    drawn_others: int = 0

    def __post_init__(self) -> None:
        if self.folds < 3:
            raise ValueError(
                f"{self.folds} folds; expected 3 or more: to learn from, to judge on and, with "
                "patience, to stop on"
            )


class Material(Truth):
    """All repetitions with their truth, as the network sees them."""

    def __init__(self, examples: Examples, tuning: Tuning) -> None:
        super().__init__(examples.items)
        self.examples, items, folds = examples, examples.items, tuning.folds
        groups = np.unique(self.subject)
        if len(groups) < folds:
            raise NoExamples(
                f"{examples.data}: {len(groups)} people or videos; expected {folds} or "
                f"more, so that {folds} folds can leave some of them out"
            )
        for number, name in enumerate(self.names):
            shown_by = np.unique(self.subject[self.exercise == number])
            if len(shown_by) < _LEAST_OF_EXERCISE:
                raise NoExamples(
                    f"{name} is shown by {len(shown_by)} people or videos; expected "
                    f"{_LEAST_OF_EXERCISE} or more: to learn from, to judge on and, with patience, "
                    "to stop on"
                )
        more = [*drawn(self.names, tuning.drawn, tuning.seed),
                *others(self.names, tuning.drawn_others, tuning.seed)]  # fmt: skip
        self.sequences, self.sequences_drawn = (
            sequences_of([as_seen_by(examples.sensor, one.execution) for one in part],
                         "phases", None)
            for part in (items, more)
        )  # fmt: skip
        self._exercise_drawn = np.array([self.number[one.exercise] for one in more], np.int64)

    @property
    def good(self) -> Truths:
        """(R,) what an exercise is learned from: all that nobody called incorrect."""
        return np.isnan(self.correct) | (self.correct > 0)

    def lessons(self, known: Rows) -> tuple[Sequences, Targets]:
        """What a network learns from: known repetitions, and all that is drawn."""
        unjudged = np.full(len(self.sequences_drawn), np.nan, np.float32)
        return (
            joined(self.sequences[known], self.sequences_drawn),
            Targets(
                np.concatenate([self.exercise[known], self._exercise_drawn]),
                np.concatenate([self.correct[known], unjudged]),
            ),
        )
