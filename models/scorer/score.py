"""What a scorer says of a repetition: a score, or why there is none, and the remarks behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from repscore.models.scorer.words import ENGLISH, render

Kind = Literal["norm", "learned", "reference", "consistency"]
Phase = Literal["out", "turn", "back", "whole"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A measured deviation beyond the expected range: evidence for a score.

    Attributes:
        joint: a key of `skeleton.ANGLES` or a joint; `mid_hip` stands for the whole body. Without
            a side both are meant.
        quantity: `angle`, `knee inward`, `asymmetry` (this side minus the other) and `direction`
            in degrees, `position` in torso lengths (pictures only), `duration` in seconds; or one
            of a norm.
        start_s, end_s: half-open span of the phase in the time of the video.
        start_frame, end_frame: the same span as rows of the repetition's keypoints.
        deviation: (measured - middle of the expectation) in spreads; in log seconds for durations.
            Of a norm: how far outside of the range, in tolerances.
        key: of its text; values: what stands in it (`words.render`).
    """

    joint: str
    quantity: str
    phase: Phase
    start_s: float
    end_s: float
    start_frame: int
    end_frame: int
    measured: float
    expected_low: float
    expected_high: float
    deviation: float
    key: str
    values: Mapping[str, str]

    @property
    def message(self) -> str:
        """The remark in English."""
        return self.text(ENGLISH)

    def text(self, language: str) -> str:
        """The remark in words, with its moment where it has one."""
        text = render(self.key, self.values, language)
        if "at" not in self.values:
            return text
        return render("moment", {"text": text, "at": self.values["at"]}, language)


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one repetition; None where it cannot be said.

    Attributes:
        score: 0..100; `score_low` and `score_high` bound it where the references repeat at all:
            some 9 of 10 good executions lie as far from their own prototype. Repetitions of one
            clip say nothing of other people and cameras: then the interval is too narrow for them.
        exercise: None where no reference is near enough.
        exercise_confidence: 0..1 for the nearest exercise, named or not.
        distance: from the nearest reference, in the unit of the scorer.
        remarks: at most three, by effect on the score.
        unseen: what the norm asks for and this view does not show; it did not count.
    """

    score: float | None
    score_low: float | None
    score_high: float | None
    score_kind: Kind
    exercise: str | None = None
    exercise_confidence: float | None = None
    unscorable_reason: str | None = None
    distance: float | None = None
    remarks: tuple[Remark, ...] = ()
    unseen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.score is None) != (self.unscorable_reason is not None):
            raise ValueError("a score is a number, or there is a reason why it is not")


def unscorable(kind: Kind, reason: str) -> Score:
    """No score, and why."""
    return Score(None, None, None, kind, unscorable_reason=reason)
