"""The athlete's motion: bones keep their lengths, windows and faults are where they are said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.skeleton import BONES, JOINT, MIRROR
from repscore.pipelines.demo.athlete import Motion, Tempo
from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.demo.exercises import MAIN_ANGLE, Exercise, Faults
from repscore.pipelines.demo.figure import POINT, Body

EXERCISES = list(MAIN_ANGLE)

EVEN = Tempo(out_s=1.0, hold_s=0.5, back_s=1.0, rest_s=0.5)
"""With a lead of 1 s: leaves at 1 + 3k, arrives at 2 + 3k, turns back at 2.5 + 3k, is back 3.5."""


def even(exercise: Exercise, repetitions: int = 2, **more: object) -> Motion:
    """No noise of any kind: all repetitions are the same."""
    return Motion(exercise, repetitions, tempo=EVEN, variation=0.0, sway=0.0, **more)


def grid(motion: Motion, rate_hz: float = 60.0) -> np.ndarray:
    return np.arange(0.0, motion.duration_s, 1.0 / rate_hz)


ratios = st.floats(0.9, 1.1)
bodies = st.builds(
    Body,
    height_m=st.floats(1.45, 2.05),
    leg_ratio=ratios,
    arm_ratio=ratios,
    shoulder_ratio=ratios,
    hip_ratio=ratios,
    girth=st.floats(0.8, 1.4),
)
faults = st.builds(
    Faults,
    short_range=st.floats(0.0, 0.8),
    asymmetry=st.floats(-0.8, 0.8),
    too_fast=st.floats(0.0, 0.8),
    knees_inward=st.floats(0.0, 1.0),
    swing=st.floats(0.0, 1.0),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(EXERCISES), bodies, faults, st.integers(0, 1000))
def test_bones_keep_their_lengths_whatever_the_body_and_the_faults(
    exercise: Exercise, body: Body, wrong: Faults, seed: int
) -> None:
    motion = Motion(exercise, 2, body=body, faults=wrong, seed=seed)
    joints = motion.pose(grid(motion, 20.0)).joints
    for start, end in BONES:
        length = np.linalg.norm(joints[:, start] - joints[:, end], axis=1)
        np.testing.assert_allclose(length, length[0], rtol=0, atol=1e-9)
    thigh = np.linalg.norm(joints[0, JOINT["left_hip"]] - joints[0, JOINT["left_knee"]])
    forearm = np.linalg.norm(joints[0, JOINT["right_elbow"]] - joints[0, JOINT["right_wrist"]])
    assert thigh == pytest.approx(body.thigh_m)
    assert forearm == pytest.approx(body.forearm_m)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_windows_follow_from_the_tempo(exercise: Exercise) -> None:
    motion = even(exercise, 3)
    assert [tuple(w) for w in motion.windows] == [
        pytest.approx((1.0 + 3.0 * k, 2.25 + 3.0 * k, 3.5 + 3.0 * k)) for k in range(3)
    ]
    assert motion.duration_s == pytest.approx(10.5)


@pytest.mark.parametrize("clip", CAST, ids=lambda clip: clip.file_name)
def test_the_main_angle_turns_within_each_window_and_rests_outside(clip) -> None:
    motion = clip.motion
    times = grid(motion)
    angles = motion.angles_deg(times)
    name = MAIN_ANGLE[motion.exercise]
    mean = (angles[f"right_{name}"] + angles[f"left_{name}"]) / 2
    moved = np.abs(mean - mean[0])
    inside = np.zeros(len(times), dtype=bool)
    for start_s, turn_s, end_s in motion.windows:
        window = (times >= start_s) & (times < end_s)
        inside |= window
        # The angle is furthest out during the hold, whose middle is the turn.
        hold_s = motion.tempo.hold_s * (1.0 - motion.faults.too_fast)
        furthest_s = times[window][moved[window].argmax()]
        assert abs(furthest_s - turn_s) < hold_s / 2 * 1.3 + 0.1
        assert moved[window].max() > 20.0
        first, last = moved[window][[0, -1]]
        assert max(first, last) < 0.1 * moved[window].max()
    assert moved[~inside].max() < 0.1 * moved.max()
    assert moved[inside].mean() > 3.0 * moved[~inside].mean()


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_asymmetry_to_the_other_side_is_the_mirror_image(exercise: Exercise) -> None:
    right = even(exercise, faults=Faults(asymmetry=0.5))
    left = even(exercise, faults=Faults(asymmetry=-0.5))
    times = grid(right, 20.0)
    mirrored = left.pose(times).joints[:, MIRROR] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(right.pose(times).joints, mirrored, atol=1e-9)
    assert np.abs(right.pose(times).joints - left.pose(times).joints).max() > 0.02


@pytest.mark.parametrize("exercise", ["jumping_jack", "biceps_curl", "shoulder_press"])
def test_the_weaker_side_goes_less_far(exercise: Exercise) -> None:
    motion = even(exercise, faults=Faults(asymmetry=0.5))
    angles = motion.angles_deg(grid(motion))
    name = MAIN_ANGLE[exercise]
    spans = {side: np.ptp(angles[f"{side}_{name}"]) for side in ("right", "left")}
    assert spans["right"] < 0.75 * spans["left"]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_short_range_moves_the_main_angle_less(exercise: Exercise) -> None:
    clean, short = even(exercise), even(exercise, faults=Faults(short_range=0.5))
    name = f"left_{MAIN_ANGLE[exercise]}"
    span = {m: np.ptp(m.angles_deg(grid(m))[name]) for m in (clean, short)}
    assert 0.25 * span[clean] < span[short] < 0.75 * span[clean]


def test_too_fast_shortens_each_repetition_and_nothing_else() -> None:
    fast = even("squat", faults=Faults(too_fast=0.5))
    assert [tuple(w) for w in fast.windows] == [
        pytest.approx((1.0, 1.625, 2.25)),
        pytest.approx((2.5, 3.125, 3.75)),
    ]
    clean = even("squat")
    slow_joints = clean.pose([1.0 + 0.8]).joints
    np.testing.assert_allclose(fast.pose([1.0 + 0.4]).joints, slow_joints, atol=1e-9)


def test_knees_fall_inward_in_a_faulty_squat_only() -> None:
    def knees_apart_m(wrong: Faults) -> float:
        points = even("squat", faults=wrong).pose([2.25]).points[0]
        return float(points[POINT["left_knee"], 0] - points[POINT["right_knee"], 0])

    feet = even("squat").pose([2.25]).points[0]
    feet_apart_m = feet[POINT["left_ankle"], 0] - feet[POINT["right_ankle"], 0]
    assert knees_apart_m(Faults()) > feet_apart_m
    assert knees_apart_m(Faults(knees_inward=0.55)) < 0.85 * feet_apart_m


def test_a_clean_squat_stands_straight_and_goes_to_a_thigh_near_level() -> None:
    angles = even("squat").angles_deg([0.0, 2.25])
    assert angles["left_knee"] == pytest.approx([170.0, 76.0], abs=1.5)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_floor_carries_the_athlete(exercise: Exercise) -> None:
    motion = even(exercise)
    heights = motion.pose(grid(motion, 20.0)).points[..., 1].min(axis=1)
    assert heights.min() > -0.02
    assert heights.max() < 0.08  # the hop of a jumping jack


@pytest.mark.parametrize("exercise", ["squat", "push_up", "biceps_curl", "shoulder_press"])
def test_feet_stay_where_they_are(exercise: Exercise) -> None:
    motion = Motion(exercise, 2, seed=3)
    joints = motion.pose(grid(motion, 20.0)).joints
    for name in ("left_ankle", "right_ankle"):
        assert np.ptp(joints[:, JOINT[name]], axis=0).max() < 1e-3


def test_a_pose_depends_on_time_and_parameters_alone() -> None:
    motion, again = (Motion("push_up", 3, seed=5) for _ in range(2))
    times = grid(motion, 20.0)
    together = motion.pose(times).points
    np.testing.assert_array_equal(together, again.pose(times).points)
    np.testing.assert_array_equal(together[17:18], motion.pose(times[17]).points)
    assert np.abs(together - Motion("push_up", 3, seed=6).pose(times).points).max() > 1e-3


def test_labels_name_the_faults() -> None:
    assert Faults().label == "clean"
    assert Faults(short_range=0.2, too_fast=0.5).label == "short_range+too_fast"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Motion("handstand", 3), "unknown exercise 'handstand'"),  # type: ignore[arg-type]
        (lambda: Motion("squat", -1), "expected repetitions >= 0"),
        (lambda: Faults(asymmetry=-1.5), "fault asymmetry is -1.5"),
        (lambda: Faults(short_range=0.95), "leaves no repetition"),
        (lambda: Tempo(out_s=0.0), "positive time"),
        (lambda: Body(height_m=17.5), "height_m of a body is 17.5"),
    ],
)
def test_nonsense_is_refused_by_name(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
