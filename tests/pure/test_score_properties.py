"""What a score must not depend on, and what it must follow: the synthetic athlete, both scorers."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import athletes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import in_turn, silent

from repscore.models.scorer.examples import Example, TrainingSet
from repscore.models.scorer.feedback import MOST
from repscore.models.scorer.files import references_of
from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.network import NetworkConfig
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.score import Score
from repscore.models.scorer.training import TrainingConfig, train_scorer
from repscore.pipelines.demo.athlete import Motion, Tempo
from repscore.pipelines.demo.exercises import Exercise, Faults
from repscore.pipelines.demo.figure import Body
from repscore.pipelines.demo.scene import Camera

pytestmark = pytest.mark.slow  # trains a scorer

EXERCISES: tuple[Exercise, ...] = ("squat", "biceps_curl", "shoulder_press")
BODIES = [
    Body(height_m=1.55 + 0.05 * i, leg_ratio=0.92 + 0.02 * i, arm_ratio=1.08 - 0.02 * i)
    for i in range(9)
]
POINTS = 2.0
FAULTS = (Faults(), Faults(short_range=0.3), Faults(short_range=0.6), Faults(asymmetry=0.5))

Scorer = Callable[[list[Execution]], list[Score]]


def once(exercise: Exercise, faults: Faults = Faults(), body: Body = Body()) -> Motion:  # noqa: B008
    return Motion(exercise, 1, body=body, faults=faults, variation=0.0, sway=0.3)


@cache
def by_reference() -> Scorer:
    clips = {
        exercise: [athletes.executions(Motion(exercise, 4, seed=seed)) for seed in (1, 2)]
        for exercise in EXERCISES
    }
    return ReferenceScorer(references_of(clips)).score


@cache
def trained() -> ScorerModel:
    """Nine bodies, three exercises, clean and with less range or one weak side."""
    items = [
        Example(f"body {number}", exercise, faults == Faults(), replace(execution, view=None))
        for number, body in enumerate(BODIES)
        for exercise in EXERCISES
        for faults in FAULTS
        for execution in athletes.executions(
            Motion(exercise, 2 if faults == Faults() else 1, body=body, faults=faults, seed=number)
        )
    ]
    recipe = NetworkConfig(width=32, embedding=32, epochs=20, batch=32, dropout=0.1, reduced=0.0)
    return train_scorer(
        TrainingSet(items), TrainingConfig(0, recipe, folds=4), None, in_turn, silent
    )


@cache
def by_learning() -> Scorer:
    model = trained()  # how far is far is not what is tested here
    scorer = LearnedScorer(replace(model, rules=replace(model.rules, unknown_distance=2.0)))
    return scorer.score


BOTH = pytest.mark.parametrize("scorer", [by_reference, by_learning], ids=["reference", "learned"])


def score_of(score: Scorer, executions: list[Execution]) -> float:
    (result,) = score(executions)
    assert result.score is not None, result.unscorable_reason
    return result.score


@BOTH
@settings(max_examples=15, deadline=None)
@given(
    exercise=st.sampled_from(EXERCISES),
    scale=st.floats(0.4, 3.0),
    shift_px=st.tuples(st.floats(-400, 400), st.floats(-400, 400)),
)
def test_size_and_place_in_the_picture_do_not_matter(
    scorer: Callable[[], Scorer],
    exercise: Exercise,
    scale: float,
    shift_px: tuple[float, float],
) -> None:
    motion = once(exercise, Faults(short_range=0.2))
    found = athletes.poses(motion, jitter_px=0.0)
    spans = [(window.start_s, window.end_s) for window in motion.windows]
    here = score_of(scorer(), athletes.cut(found, spans))
    there = score_of(
        scorer(), athletes.cut(athletes.moved(found, scale=scale, shift_px=shift_px), spans)
    )
    assert there == pytest.approx(here, abs=POINTS)


@BOTH
@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_mirror_does_not_matter(scorer: Callable[[], Scorer], exercise: Exercise) -> None:
    motion = once(exercise, Faults(short_range=0.2))
    found = athletes.poses(motion, jitter_px=0.0)
    spans = [(window.start_s, window.end_s) for window in motion.windows]
    turned = athletes.cut(athletes.mirrored(found, athletes.OBLIQUE.width_px), spans)
    here, there = (score_of(scorer(), each) for each in (athletes.cut(found, spans), turned))
    assert there == pytest.approx(here, abs=POINTS)


@BOTH
@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize(
    ("camera", "fps"),
    [
        (replace(athletes.OBLIQUE, distance_m=2.5), 30.0),
        (replace(athletes.OBLIQUE, distance_m=12.0), 30.0),
        (athletes.OBLIQUE, 15.0),
        (athletes.OBLIQUE, 60.0),
    ],
    ids=["near", "far", "15 fps", "60 fps"],
)
def test_distance_and_frame_rate_do_not_matter(
    scorer: Callable[[], Scorer], exercise: Exercise, camera: Camera, fps: float
) -> None:
    motion = once(exercise, Faults(short_range=0.2))
    here = score_of(scorer(), athletes.executions(motion))
    there = score_of(scorer(), athletes.executions(motion, camera, fps))
    assert there == pytest.approx(here, abs=POINTS)


@BOTH
@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize(
    "body",
    [Body(height_m=1.5), Body(height_m=2.0), Body(leg_ratio=0.94), Body(arm_ratio=1.06)],
    ids=["small", "tall", "short legs", "long arms"],
)
def test_proportions_within_limits_do_not_matter(
    scorer: Callable[[], Scorer], exercise: Exercise, body: Body
) -> None:
    here = score_of(scorer(), athletes.executions(once(exercise)))
    there = score_of(scorer(), athletes.executions(once(exercise, body=body)))
    assert there == pytest.approx(here, abs=POINTS)


GROWING = {
    "range": [Faults(short_range=share) for share in (0.0, 0.15, 0.3, 0.45, 0.6)],
    "asymmetry": [Faults(asymmetry=share) for share in (0.0, 0.15, 0.3, 0.45, 0.6)],
    "tempo": [Faults(too_fast=share) for share in (0.0, 0.3, 0.5, 0.7)],
    "knees": [Faults(knees_inward=share) for share in (0.0, 0.3, 0.6, 0.9)],
}


@pytest.mark.parametrize("fault", GROWING)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_growing_fault_never_raises_the_score(fault: str, exercise: Exercise) -> None:
    """Noise is a point: the score rises by no more when a fault grows."""
    growing = [athletes.executions(once(exercise, faults)) for faults in GROWING[fault]]
    scorers = [by_reference()]
    if fault in ("range", "asymmetry"):  # what the network was shown
        scorers.append(by_learning())
    for scorer in scorers:
        # So wrong that it is no such exercise any more: no score, which is less than any.
        scores = [scorer(each)[0].score or 0.0 for each in growing]
        assert all(later <= before + 1.0 for before, later in pairwise(scores)), scores
        if fault == "range":
            assert scores[0] - scores[-1] > POINTS


@pytest.mark.parametrize(
    ("exercise", "faults", "joints", "quantity"),
    [
        ("squat", Faults(short_range=0.5), {"right_knee", "left_knee", "right_hip", "left_hip"},
         "angle"),
        ("squat", Faults(knees_inward=0.9), {"right_knee", "left_knee"}, "knee inward"),
        ("biceps_curl", Faults(short_range=0.5), {"right_elbow", "left_elbow"}, "angle"),
        ("biceps_curl", Faults(asymmetry=0.6), {"right_elbow"}, "asymmetry"),
        ("shoulder_press", Faults(short_range=0.5), {"right_shoulder", "left_shoulder",
                                                     "right_elbow", "left_elbow"}, "angle"),
        ("squat", Faults(too_fast=0.7), {"mid_hip"}, "duration"),
    ],
)  # fmt: skip
def test_the_first_remark_names_the_joint_that_fails(
    exercise: Exercise, faults: Faults, joints: set[str], quantity: str
) -> None:
    (result,) = by_reference()(athletes.executions(once(exercise, faults)))
    first = result.remarks[0]
    assert (first.joint in joints, first.quantity) == (True, quantity), first.message


@BOTH
@settings(max_examples=15, deadline=None)
@given(
    exercise=st.sampled_from(EXERCISES),
    short=st.floats(0, 0.5),
    uneven=st.floats(-0.5, 0.5),
    fast=st.floats(0, 0.6),
    seed=st.integers(0, 99),
)
def test_remarks_are_few_measured_and_in_degrees_or_seconds(
    scorer: Callable[[], Scorer],
    exercise: Exercise,
    short: float,
    uneven: float,
    fast: float,
    seed: int,
) -> None:
    faults = Faults(short_range=short, asymmetry=uneven, too_fast=fast)
    motion = Motion(exercise, 1, faults=faults, seed=seed, tempo=Tempo(out_s=1.3))
    (result,) = scorer()(athletes.executions(motion))
    assert len(result.remarks) <= MOST
    for found in result.remarks:
        outside = found.measured < found.expected_low or found.measured > found.expected_high
        assert outside, found.message
        assert found.end_s > found.start_s
        unit = " s" if found.quantity == "duration" else "degrees"
        assert unit in found.message
        assert f"{found.measured:.1f}" in found.message or np.isclose(
            [float(word) for word in found.message.replace(",", " ").split() if _number(word)],
            abs(found.measured), atol=0.51,
        ).any(), found.message  # fmt: skip


def _number(word: str) -> bool:
    return word.lstrip("-").replace(".", "", 1).isdigit()
