"""A set has the remark that most of its repetitions have."""

from executions import repetition

from repscore.models.scorer.score import Remark, Score
from repscore.transforms.score.set_remark import remark_on
from repscore.transforms.score.sets import sets_of


def score(*remarks: tuple[str, float], kind="norm"):
    made = tuple(
        Remark("knee", "thigh", "turn", 0.0, 0.1, 0, 1, value, -180.0, 10.0, value / 20, key,
               {"measured": f"{value:.0f}", "expected": "10", "at": "0.5"})
        for key, value in remarks
    )  # fmt: skip
    return Score(50.0, 40.0, 60.0, kind, "squat", remarks=made)


def remark_of(*scores, language="en"):
    repetitions = [repetition(3.0 * index, 3.0 * index + 2) for index in range(len(scores))]
    (found,) = sets_of(repetitions, scores)
    return remark_on(found, list(zip(repetitions, scores, strict=True)), language)


def test_the_most_frequent_remark_is_said_with_its_mean() -> None:
    high, low = ("squat_high", 30.0), ("squat_high", 40.0)
    said = remark_of(score(high, ("trunk_leans", 90.0)), score(low), score())
    assert said == (
        "2 of 3 repetitions: stops above parallel: thigh 35 degrees above the horizontal, expected "
        "at most 10, on average"
    )
    assert remark_of(score(high), score(), language="de") == (
        "1 von 2 Wiederholungen: endet über der Waagerechten: Oberschenkel 30 Grad über ihr, "
        "erwartet höchstens 10"
    )


def test_a_set_without_remarks_of_a_norm_has_none() -> None:
    assert remark_of(score(), score()) is None
    assert remark_of(score(("squat_high", 30.0), kind="consistency"), score()) is None
