"""Scores by distance from good executions: what must matter, and what must not."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from executions import (
    curl,
    from_the_other_side,
    lateral_raise,
    perform,
    squat,
    without,
    without_depth,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.scorer.consistency import MOST_COMPARED, score_set
from repscore.models.scorer.distance import tensors
from repscore.models.scorer.files import references_of
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.represent import represent
from repscore.models.scorer.score import Score
from repscore.models.skeleton import JOINTS


def good_squats(count: int = 4) -> list:
    return [perform(squat(98 + 2 * i), noise=0.01, seed=i) for i in range(count)]


@pytest.fixture(scope="module")
def scorer() -> ReferenceScorer:
    curls = [perform(curl(b, b), noise=0.01, seed=50 + i) for i, b in enumerate((128, 130, 132))]
    return ReferenceScorer(references_of({"squat": [good_squats()], "curl": [curls]}))


def score_of(scorer: ReferenceScorer, execution) -> float:
    result = scorer.score([execution])[0]
    assert result.score is not None, result.unscorable_reason
    return result.score


def test_each_good_execution_left_out_scores_above_90():
    squats = good_squats(5)
    for index, execution in enumerate(squats):
        others = squats[:index] + squats[index + 1 :]
        result = ReferenceScorer(references_of({"squat": [others]})).score([execution])[0]
        assert result.score is not None
        assert result.score > 90
        assert result.exercise == "squat"
        assert result.exercise_confidence is not None
        assert result.exercise_confidence > 0.9


def test_half_the_range_scores_well_under_60_and_less_range_never_scores_more(scorer):
    scores = [score_of(scorer, perform(squat(bend))) for bend in (100, 90, 80, 70, 60, 50, 40)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 97
    assert scores[5] < 50


@pytest.mark.parametrize(
    "growing",
    [
        [squat(inward_deg=angle) for angle in (0, 8, 16, 24)],
        [squat(left_deg=angle) for angle in (100, 80, 60, 40)],
    ],
    ids=["knees inward", "asymmetry"],
)
def test_a_growing_fault_lowers_the_score_step_by_step(scorer, growing):
    scores = [score_of(scorer, perform(pose)) for pose in growing]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[1] > 0.2
    assert scores[0] - scores[-1] > 20


@settings(max_examples=20, deadline=None)
@given(
    leg=st.floats(0.65, 1.0),
    arm=st.floats(0.45, 0.8),
    fps=st.sampled_from([10.0, 15.0, 24.0, 60.0]),
    start_s=st.floats(0, 5000),
    duration_s=st.floats(1.5, 3.5),
    turn=st.floats(0.4, 0.6),
    mirrored=st.booleans(),
)
def test_proportions_frame_rate_tempo_within_limits_and_side_do_not_matter(
    scorer, leg, arm, fps, start_s, duration_s, turn, mirrored
):
    usual = score_of(scorer, perform(squat(90)))
    execution = perform(
        squat(90, leg=leg, arm=arm), fps=fps, start_s=start_s, duration_s=duration_s, turn=turn
    )
    execution = from_the_other_side(execution) if mirrored else execution
    assert score_of(scorer, execution) == pytest.approx(usual, abs=2)


def test_too_fast_and_far_too_slow_cost_and_the_more_the_worse(scorer):
    durations_s = (2.0, 1.2, 0.8, 0.5)
    scores = [score_of(scorer, perform(squat(), duration_s=s)) for s in durations_s]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 50
    assert score_of(scorer, perform(squat(), duration_s=8.0)) < scores[0] - 10


def test_one_sided_executions_match_references_of_the_other_side():
    left = perform(curl(0, 130))
    scorer = ReferenceScorer(references_of({"curl": [[left]]}))
    plain, swapped = scorer.score([left, from_the_other_side(left)])
    assert plain.score == pytest.approx(swapped.score, abs=0.1)
    both = scorer.score([perform(curl(130, 130))])[0]
    assert both.score is None or both.score < 40


def test_executions_that_alternate_between_the_sides_define_one_exercise():
    left = perform(curl(0, 130))
    alternating = [left, from_the_other_side(left)] * 3
    scorer = ReferenceScorer(references_of({"curl": [alternating]}))
    assert all(result.score > 95 for result in scorer.score(alternating))


def test_another_exercise_is_unknown_with_its_distance(scorer):
    result = scorer.score([perform(lateral_raise())])[0]
    assert result.score is None
    assert result.exercise is None
    assert result.exercise_confidence is not None
    assert result.exercise_confidence < 0.5
    assert result.unscorable_reason is not None
    assert result.unscorable_reason.startswith("unknown exercise: nearest reference is ")
    assert result.unscorable_reason.endswith(f"at distance {result.distance:.1f}")


def test_each_exercise_is_recognised_among_several(scorer):
    results = scorer.score([perform(curl()), perform(squat()), perform(curl(100, 100))])
    assert [result.exercise for result in results] == ["curl", "squat", "curl"]


def test_the_nearest_of_several_clips_counts():
    shallow, deep = perform(squat(60)), perform(squat(110))
    one = ReferenceScorer(references_of({"squat": [[deep]]}))
    two = ReferenceScorer(references_of({"squat": [[deep], [shallow]]}))
    assert score_of(one, shallow) < 70
    assert score_of(two, shallow) > 97
    assert score_of(two, deep) > 97


def test_one_bad_execution_among_the_references_hardly_moves_the_scores(scorer):
    spoilt = ReferenceScorer(references_of({"squat": [[*good_squats(), perform(squat(30))]]}))
    for bend in (100, 50):
        usual = score_of(scorer, perform(squat(bend)))
        assert score_of(spoilt, perform(squat(bend))) == pytest.approx(usual, abs=6)


def test_the_interval_comes_from_the_scatter_of_the_references(scorer):
    alone = ReferenceScorer(references_of({"squat": [good_squats(1)]})).score([perform(squat(70))])
    assert (alone[0].score_low, alone[0].score_high) == (None, None)
    wide = ReferenceScorer(
        references_of({"squat": [[perform(squat(bend)) for bend in (75, 90, 105, 120)]]})
    )
    narrow, wider = (each.score([perform(squat(70))])[0] for each in (scorer, wide))
    for result in (narrow, wider):
        assert 0 <= result.score_low < result.score < result.score_high <= 100
    assert wider.score_high - wider.score_low > narrow.score_high - narrow.score_low


def test_the_picture_serves_where_there_is_no_depth(scorer):
    good, half = scorer.score([without_depth(perform(squat())), without_depth(perform(squat(50)))])
    assert good.score is not None
    assert good.score > 95
    assert half.score is None or half.score < 60
    flat = ReferenceScorer(references_of({"squat": [[without_depth(e) for e in good_squats()]]}))
    assert score_of(flat, perform(squat())) > 95


def test_a_picture_from_elsewhere_does_not_count_where_there_is_depth(scorer):
    execution = perform(squat(70))
    nonsense = np.random.default_rng(0).normal(0, 3, execution.flat.shape)
    assert scorer.score([replace(execution, flat=nonsense)])[0].score == pytest.approx(
        score_of(scorer, execution)
    )


def test_joints_that_hardly_matter_may_be_missing(scorer):
    execution = without(perform(squat()), "nose", "left_wrist")
    assert score_of(scorer, execution) > 95


def test_too_little_visible_names_the_joints():
    scorer = ReferenceScorer(references_of({"squat": [good_squats()]}))
    hidden = [f"{side}_{kind}" for side in ("left", "right") for kind in ("hip", "knee", "elbow")]
    result = scorer.score([without(perform(squat()), *hidden)])[0]
    assert result.score is None
    assert result.unscorable_reason is not None
    assert result.unscorable_reason.startswith("too little visible: ")
    assert "right knee" in result.unscorable_reason
    nobody = scorer.score([without(perform(squat()), *JOINTS)])[0]
    assert nobody.unscorable_reason is not None
    assert nobody.unscorable_reason.startswith("too little visible: 0 %")


def test_a_side_that_is_hidden_in_half_the_repetition_is_left_out(scorer):
    execution = perform(squat(), duration_s=3.0)
    visibility = execution.visibility.copy()
    visibility[: len(visibility) * 2 // 3, [JOINTS.index("left_knee")]] = 0
    body = execution.body.copy()
    body[: len(visibility) * 2 // 3, JOINTS.index("left_knee")] = 9
    hidden = replace(execution, body=body, visibility=visibility)
    assert score_of(scorer, hidden) > 95


def test_too_few_frames_are_too_short(scorer):
    result = scorer.score([perform(squat(), fps=1.5)])[0]
    assert result.unscorable_reason == "too short: 3 frames in the repetition, expected 5 or more"


def test_a_batch_says_the_same_as_one_by_one(scorer):
    executions = [
        perform(squat(55), duration_s=0.9),
        perform(curl(130, 80), fps=12),
        perform(lateral_raise()),
        without_depth(perform(squat(80))),
        without(perform(squat()), *JOINTS),
        from_the_other_side(perform(squat(left_deg=60))),
    ]
    for together, execution in zip(scorer.score(executions), executions, strict=True):
        alone = scorer.score([execution])[0]
        assert close(together, alone)
    assert scorer.score([]) == []


def close(a: Score, b: Score) -> bool:
    assert (a.score is None) == (b.score is None)
    if a.score is None or b.score is None:
        return a == b
    assert a.score == pytest.approx(b.score, abs=1e-3)
    assert [found.message for found in a.remarks] == [found.message for found in b.remarks]
    return a.exercise == b.exercise


def test_forward_takes_batches_of_one_shape(scorer):
    phases = represent([perform(squat()), perform(curl()), without(perform(squat()), *JOINTS)])
    with torch.no_grad():
        found = scorer(*tensors(phases))
    assert found.pose.shape == (3, 2)
    assert found.pose.argmin(dim=1)[:2].tolist() == [0, 1]
    assert found.pose[2].tolist() == [math.inf, math.inf]
    assert not list(scorer.parameters())


def test_the_version_names_the_references(scorer):
    same = ReferenceScorer(references_of({"squat": [good_squats()]}))
    again = ReferenceScorer(references_of({"squat": [good_squats()]}))
    assert same.version == again.version
    assert same.version != scorer.version
    renamed = ReferenceScorer(references_of({"deep squat": [good_squats()]}))
    assert renamed.version != same.version


def test_a_set_is_scored_by_its_median_and_one_bad_repetition_stands_out():
    bends = (98, 100, 103, 50, 101, 99)
    results = score_set([perform(squat(bend), noise=0.01, seed=bend) for bend in bends])
    scores = [result.score for result in results]
    assert all(result.score_kind == "consistency" for result in results)
    assert all(result.exercise is None for result in results)
    assert scores.index(min(scores)) == 3
    assert scores[3] < 50
    assert min(scores[:3] + scores[4:]) > 90
    assert results[3].remarks[0].joint in ("left_knee", "right_knee")
    assert results[3].score_low < results[3].score < results[3].score_high


def test_a_set_of_two_has_no_median():
    for result in score_set([perform(squat()), perform(squat(60))]):
        assert result.score is None
        assert result.unscorable_reason is not None
        assert "set of 2 repetitions" in result.unscorable_reason
    assert score_set([]) == []


def test_a_set_without_end_scores_like_a_part_of_it() -> None:
    """Beyond MOST_COMPARED a part makes the median: memory stays bounded."""
    some = [perform(squat(), noise=0.01, seed=seed) for seed in range(MOST_COMPARED // 4)]
    shallow = perform(squat(40), noise=0.01, seed=99)
    long = score_set([*some * 5, shallow])
    short = score_set([*some, shallow])
    assert len(long) == 5 * len(some) + 1
    found, expected = np.array(
        [[s.score for s in long[: len(some)]], [s.score for s in short[:-1]]]
    )
    assert np.abs(found - expected).max() < 2
    assert long[-1].score == pytest.approx(short[-1].score, abs=2)
    assert long[-1].score < found.min() - 10


def test_repetitions_that_nobody_saw_do_not_make_a_set():
    unseen = without(perform(squat()), *JOINTS)
    results = score_set([perform(squat()), perform(squat()), unseen, unseen])
    reasons = [result.unscorable_reason for result in results]
    assert all(reason is not None for reason in reasons)
    assert "only" in reasons[0] or "too little visible" in reasons[0]
    assert reasons[2].startswith("too little visible")
    enough = score_set([perform(squat())] * 3 + [unseen])
    assert [result.score is None for result in enough] == [False, False, False, True]
