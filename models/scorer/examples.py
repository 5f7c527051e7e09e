"""Labelled executions, and the arrays that a scorer is trained and evaluated on."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.learned import for_sensor
from repscore.models.scorer.network import NONE
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.sequences import Sequences, sequences_of

Rows = npt.NDArray[np.intp]
Truths = npt.NDArray[np.bool_]

Sensor = Literal["picture", "body"]
"""Joints in the picture, or a body in space."""

_MIRRORED: Final = {"left": "right", "right": "left"}


class NoExamples(ValueError):
    """Data hold nothing, or too little, to train or evaluate on."""


@dataclass(frozen=True, eq=False)
class Example:
    """One execution and what is known of it.

    Attributes:
        subject: who performs it; a subject is never on both sides of a split.
        exercise: None where it is none of those to learn.
        correct: None where nobody judged it.
        group: figures are also reported by it.
    """

    subject: str
    exercise: str | None
    correct: bool | None
    execution: Execution
    group: str | None = None


class TrainingSet:
    """R examples as arrays; synthetic ones come last.

    Attributes:
        sensor: `picture` where any of the real ones has no depth.
        names: of the E exercises of the real ones, sorted.
        exercise: (R,) int64, index into `names`, or NONE where it is none of them.
        correct: (R,) float32, 1, 0 or NaN where nobody judged it; NaN of synthetic ones.
        subject: (R,).
        group: (R,) str, empty where there is none.
        synthetic: (R,) what is learned from and never evaluated.
        mirrored: exercise e of the mirrored person is mirrored[e].
        sequences: what the network sees.
    """

    def __init__(self, examples: Sequence[Example], synthetic: Sequence[Example] = ()) -> None:
        deep = all(np.isfinite(example.execution.body).any() for example in examples)
        self.sensor: Sensor = "body" if deep else "picture"
        self.examples = [*examples, *synthetic]
        self.synthetic = np.arange(len(self.examples)) >= len(examples)
        names = {example.exercise for example in examples}
        self.names = tuple(sorted(name for name in names if name is not None))
        number = {name: index for index, name in enumerate(self.names)}
        self.exercise = np.array(
            [number.get(each.exercise or "", NONE) for each in self.examples], np.int64
        )
        self.correct = np.array(
            [np.nan if each.correct is None else each.correct for each in self.examples], np.float32
        )
        self.subject = np.array([example.subject for example in self.examples])
        self.group = np.array([example.group or "" for example in self.examples])
        self.mirrored = tuple(
            number.get(mirrored(name), index) for index, name in enumerate(self.names)
        )
        self.executions = [for_sensor(self.sensor, each.execution) for each in self.examples]
        self.sequences = sequences_of(self.executions)

    def with_sequences(self, sequences: Sequences) -> "TrainingSet":
        """The same examples, seen differently by the network."""
        other = copy.copy(self)
        other.sequences = sequences
        return other

    @property
    def real(self) -> Rows:
        """Rows of what somebody performed."""
        return np.flatnonzero(~self.synthetic)

    @property
    def named(self) -> Truths:
        """(R,) what is one of the exercises."""
        return np.asarray(self.exercise != NONE)

    @property
    def judged(self) -> Truths:
        """(R,) whether somebody called it correct or incorrect."""
        return ~np.isnan(self.correct)

    @property
    def good(self) -> Truths:
        """(R,) what an exercise is learned from: nobody called it incorrect."""
        return np.asarray(self.named & (self.correct != 0))


def mirrored(exercise: str) -> str:
    """What the mirrored person performs: left and right in a name change places."""
    return "_".join(_MIRRORED.get(word, word) for word in exercise.split("_"))
