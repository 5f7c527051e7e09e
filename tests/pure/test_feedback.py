"""Remarks: the right joint in the right phase, measured beyond what is expected."""

import re
from dataclasses import replace

import pytest
from executions import curl, figure, from_the_other_side, perform, squat
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.scorer.feedback import told_apart
from repscore.models.scorer.files import references_of
from repscore.models.scorer.reference import ReferenceScorer


@pytest.fixture(scope="module")
def scorer() -> ReferenceScorer:
    squats = [perform(squat(bend)) for bend in (98, 100, 102)]
    curls = [perform(curl(bend, bend)) for bend in (128, 130, 132)]
    return ReferenceScorer(references_of({"squat": [squats], "curl": [curls]}))


def remarks(scorer, execution):
    result = scorer.score([execution])[0]
    assert result.score is not None, result.unscorable_reason
    return result.remarks


def test_a_good_execution_gets_no_remark(scorer):
    assert remarks(scorer, perform(squat())) == ()
    assert remarks(scorer, perform(squat(), duration_s=3.0)) == ()


def test_a_short_squat_is_told_of_its_knees_at_the_turn(scorer):
    """60 degrees of bend instead of 100: the knee reaches 120 degrees instead of 80."""
    first = remarks(scorer, perform(squat(60), start_s=10.0))[0]
    assert first.joint in ("left_knee", "right_knee")
    assert (first.quantity, first.phase) == ("angle", "turn")
    assert first.measured == pytest.approx(120, abs=2)
    assert (first.expected_low + first.expected_high) / 2 == pytest.approx(80, abs=2)
    assert first.deviation > 1.64
    assert first.start_s < 11.0 < first.end_s
    other = "left" if first.joint == "right_knee" else "right"
    assert f"({other} knee: {first.measured:.0f})" in first.message
    assert f"reaches {first.measured:.0f} degrees at the turn (11.0 s)" in first.message


def test_one_knee_that_bends_less_is_an_asymmetry_of_that_knee(scorer):
    first = remarks(scorer, perform(squat(left_deg=60)))[0]
    assert (first.joint, first.quantity, first.phase) == ("left_knee", "asymmetry", "turn")
    assert first.measured == pytest.approx(40, abs=2)  # degrees more than the right one
    mirrored = remarks(scorer, from_the_other_side(perform(squat(left_deg=60))))[0]
    assert (mirrored.joint, mirrored.quantity) == ("right_knee", "asymmetry")
    assert mirrored.measured == pytest.approx(first.measured, abs=0.5)


def test_sides_are_the_persons_own_where_a_mirrored_reference_fits():
    """The reference curls with the left arm; this one does with the right, 60 degrees short."""
    scorer = ReferenceScorer(references_of({"curl": [[perform(curl(0, 130))]]}))
    short = remarks(scorer, perform(curl(70, 0)))[0]
    assert short.joint == "right_elbow"
    assert short.phase == "turn"


def test_knees_that_fall_inwards_are_named(scorer):
    first = remarks(scorer, perform(squat(inward_deg=20)))[0]
    assert first.quantity == "knee inward"
    assert first.joint in ("left_knee", "right_knee")
    assert first.measured == pytest.approx(19, abs=2)
    assert first.expected_high < first.measured


def test_a_fault_on_the_way_back_is_found_there(scorer):
    """The right elbow opens early: from the turn on the forearm is 60 degrees ahead."""
    early = perform(curl())
    late_pose = perform(curl(40, 130))
    body = early.body.copy()
    back = early.time_s > 1.15
    body[back] = late_pose.body[back]
    faulty = replace(early, body=body)
    first = remarks(scorer, faulty)[0]
    assert (first.joint, first.phase) == ("right_elbow", "back")
    assert first.start_s >= faulty.turn_s
    assert first.end_s <= faulty.end_s


def test_a_fault_that_stays_is_one_of_the_whole_repetition(scorer):
    def curl_with_arms_forward(u: float):
        return figure(elbows_deg=(170 - 130 * u, 170 - 130 * u), raise_deg=40)

    found = remarks(scorer, perform(curl_with_arms_forward))
    shoulder = next(each for each in found if each.joint.endswith("shoulder"))
    assert shoulder.phase == "whole"
    assert (shoulder.start_s, shoulder.end_s) == (0.0, 2.0)
    assert shoulder.measured == pytest.approx(40, abs=3)


def test_a_rushed_repetition_is_reported_in_seconds(scorer):
    first = remarks(scorer, perform(squat(), duration_s=0.8))[0]
    assert (first.joint, first.quantity, first.phase) == ("mid_hip", "duration", "whole")
    assert first.measured == pytest.approx(0.8)
    assert first.expected_low == pytest.approx(2.0 / 1.5, rel=1e-3)
    assert first.deviation < 0
    assert first.message == "the repetition takes 0.8 s, expected 1.3 to 4.0 s"


@pytest.mark.parametrize("duration_s", [1.26, 1.28, 1.3, 1.31, 1.32, 1.33, 4.02, 4.04, 4.1])
def test_a_deviation_is_not_rounded_away(scorer, duration_s):
    """The squats took two seconds, from 1.33 to 3 are free."""
    (found,) = (
        one
        for one in remarks(scorer, perform(squat(), duration_s=duration_s, fps=60))
        if one.quantity == "duration" and one.phase == "whole"
    )
    told = re.fullmatch(
        r"the repetition takes ([\d.]+) s, expected ([\d.]+) to ([\d.]+) s", found.message
    )
    measured, low, high = map(float, told.groups())
    assert not low <= measured <= high, found.message


def test_numbers_have_as_many_digits_as_tell_them_apart():
    assert told_apart(0.8, 1.333, 4.0, 1) == ("0.8", "1.3", "4.0")
    assert told_apart(0.799, 0.801, 5.1, 1) == ("0.799", "0.801", "5.100")
    assert told_apart(85.4, 40.0, 85.2, 0) == ("85.4", "40.0", "85.2")
    assert told_apart(85.0, 40.0, 85.0 - 1e-9, 0) == ("85.000", "40.000", "85.000"), "in vain"


def test_dropping_down_is_told_of_the_way_out(scorer):
    """0.3 s down and 1.7 s up: the whole lasts as long as it should."""
    first = remarks(scorer, perform(squat(), turn=0.15, fps=60))[0]
    assert (first.quantity, first.phase) == ("duration", "out")
    assert (first.start_s, first.end_s) == (0.0, pytest.approx(0.3))


@settings(max_examples=25, deadline=None)
@given(
    bend=st.floats(40, 130),
    left=st.floats(40, 130),
    inward=st.floats(0, 25),
    duration_s=st.floats(0.5, 5),
    fps=st.sampled_from([12.0, 30.0]),
)
def test_no_remark_without_a_measured_deviation(scorer, bend, left, inward, duration_s, fps):
    execution = perform(
        squat(bend, left_deg=left, inward_deg=inward), duration_s=duration_s, fps=fps, start_s=3.0
    )
    result = scorer.score([execution])[0]
    assert len(result.remarks) <= 3
    for found in result.remarks:
        assert not found.expected_low <= found.measured <= found.expected_high
        assert execution.start_s <= found.start_s < found.end_s <= execution.end_s + 1e-9
        assert 0 <= found.start_frame < found.end_frame <= len(execution.time_s)
        inside = execution.time_s[found.start_frame : found.end_frame]
        assert inside[0] >= found.start_s - 1 / fps
        assert inside[-1] < found.end_s + 1 / fps
    assert len({found.message for found in result.remarks}) == len(result.remarks)


def test_remarks_come_in_the_order_of_what_they_cost(scorer):
    """Little depth costs more than knees a little inwards, and the other way round."""
    shallow = remarks(scorer, perform(squat(55, inward_deg=9)))
    inward = remarks(scorer, perform(squat(85, inward_deg=25)))
    assert shallow[0].quantity == "angle"
    assert inward[0].quantity == "knee inward"
