"""Repetitions as phases: values that can be derived by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.scorer.represent import (
    CHANNELS,
    FIRST,
    GROUPS,
    PHASE_SAMPLES,
    TURN,
    Execution,
    mirror,
    represent,
)
from repscore.models.skeleton import JOINT, MIRROR

BEND_DEG = 100.0


def standing() -> np.ndarray:
    """A person who stands upright with hanging arms: torso 1, thighs and shanks 0.8 long."""
    places = {
        "nose": (0, 1.3, 0), "neck": (0, 1, 0), "mid_hip": (0, 0, 0),
        "shoulder": (0.3, 1, 0), "elbow": (0.3, 0.4, 0), "wrist": (0.3, -0.1, 0),
        "hip": (0.2, 0, 0), "knee": (0.2, -0.8, 0), "ankle": (0.2, -1.6, 0),
    }  # fmt: skip
    body = np.zeros((15, 3))
    for joint, index in JOINT.items():
        side, _, kind = joint.partition("_")
        x, y, z = places.get(joint, places.get(kind, (0, 0, 0)))
        body[index] = (-x if side == "right" else x, y, z)
    return body


def left_elbow_bends(times_s: np.ndarray, turn_s: float, end_s: float) -> Execution:
    """The left forearm swings forward by 100 degrees until the turn and back, at even speed."""
    body = np.repeat(standing()[None], len(times_s), axis=0)
    bend = np.radians(BEND_DEG) * np.interp(times_s, [0, turn_s, end_s], [0, 1, 0])
    elbow, wrist = JOINT["left_elbow"], JOINT["left_wrist"]
    forearm = 0.5 * np.stack([np.zeros_like(bend), -np.cos(bend), np.sin(bend)], axis=1)
    body[:, wrist] = body[:, elbow] + forearm
    flat = body[..., [2, 1]] * (1.0, -1.0)  # from the person's right side: forward is right
    return Execution(
        start_s=0.0, turn_s=turn_s, end_s=end_s, time_s=times_s, flat=flat, body=body,
        visibility=np.ones(body.shape[:2]),
    )  # fmt: skip


def channel(source: str, quantity: str, joint: str) -> int:
    index = next(i for i, group in enumerate(GROUPS) if group[:3] == (source, quantity, joint))
    return int(FIRST[index])


@pytest.mark.parametrize(("turn_s", "end_s"), [(1.0, 2.0), (0.5, 3.0), (2.0, 2.6)])
def test_the_ways_fill_half_of_the_phases_each_whatever_they_last(turn_s, end_s):
    phases = represent([left_elbow_bends(np.arange(0, end_s + 0.01, 0.01), turn_s, end_s)])
    assert phases.values.shape == (1, PHASE_SAMPLES, CHANNELS)
    share = np.concatenate([np.arange(TURN) / TURN, 1 - np.arange(TURN) / TURN])
    for source in ("body", "flat"):
        angle = phases.values[0, :, channel(source, "angle", "left_elbow")]
        np.testing.assert_allclose(angle, 180 - BEND_DEG * share, atol=0.5)
    right = phases.values[0, :, channel("body", "angle", "right_elbow")]
    np.testing.assert_allclose(right, 180, atol=0.1)
    expected_s = [end_s, turn_s, end_s - turn_s]
    np.testing.assert_allclose(np.exp(phases.log_duration[0]), expected_s, rtol=1e-5)


def test_directions_are_unit_vectors_and_do_not_know_the_length_of_limbs():
    short = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    body = short.body.copy()
    elbow, wrist = JOINT["left_elbow"], JOINT["left_wrist"]
    body[:, wrist] = body[:, elbow] + 2.0 * (body[:, wrist] - body[:, elbow])
    twice = represent([short, replace(short, body=body)])
    in_space = slice(0, channel("flat", "angle", "right_elbow"))
    np.testing.assert_allclose(
        twice.values[0, :, in_space], twice.values[1, :, in_space], atol=1e-5
    )
    first = channel("body", "direction", "left_wrist")
    np.testing.assert_allclose(twice.values[0, 0, first : first + 3], (0, -1, 0), atol=1e-6)


def test_a_knee_pushed_inwards_is_measured_at_the_hip():
    """0.8 long thighs, moved 0.2 towards the middle: asin(0.2 / thigh) on either side."""
    execution = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    body = execution.body.copy()
    body[:, JOINT["left_knee"], 0] -= 0.2
    body[:, JOINT["right_knee"], 0] -= 0.2  # the same way: outwards for the right leg
    phases = represent([replace(execution, body=body)])
    angle = np.degrees(np.arcsin(0.2 / np.hypot(0.8, 0.2)))
    left = phases.values[0, :, channel("body", "knee inward", "left_knee")]
    right = phases.values[0, :, channel("body", "knee inward", "right_knee")]
    np.testing.assert_allclose(left, angle, atol=1e-3)
    np.testing.assert_allclose(right, -angle, atol=1e-3)


def test_a_missing_or_unseen_joint_masks_what_needs_it_and_nothing_else():
    execution = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    body, visibility = execution.body.copy(), execution.visibility.copy()
    body[10:15, JOINT["left_elbow"]] = np.nan
    visibility[:, JOINT["right_ankle"]] = 0.1
    phases = represent([replace(execution, body=body, visibility=visibility)])
    shown = phases.mask[0]
    elbow = shown[:, channel("body", "angle", "left_elbow")]
    assert elbow[:18].all()  # up to the frame before the gap
    assert not elbow[21:30].any()
    assert elbow[32:].all()
    assert shown[:, channel("flat", "angle", "left_elbow")].all()
    assert not shown[:, channel("body", "angle", "right_knee")].any()
    assert shown[:, channel("body", "angle", "left_knee")].all()
    assert np.isfinite(phases.values).all()


def test_pictures_alone_fill_only_the_channels_of_the_picture():
    execution = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    phases = represent([replace(execution, body=np.full_like(execution.body, np.nan))])
    flat = channel("flat", "angle", "right_elbow")
    assert not phases.mask[..., :flat].any()
    assert phases.mask[..., flat:].all()


def test_frames_that_end_too_early_leave_the_rest_unseen():
    execution = left_elbow_bends(np.linspace(0, 1.5, 31), 1.0, 2.0)
    seen = represent([execution]).mask[0].all(axis=1)
    assert seen[:48].all()  # phase 48 lies at 1.5 s
    assert not seen[51:].any()


@settings(max_examples=25, deadline=None)
@given(
    frames=st.lists(st.integers(2, 60), min_size=1, max_size=5),
    turn=st.floats(0.2, 0.8),
)
def test_a_batch_equals_its_members(frames, turn):
    executions = [left_elbow_bends(np.linspace(0, 2, n), 2 * turn, 2.0) for n in frames]
    batch = represent(executions)
    for index, execution in enumerate(executions):
        alone = represent([execution])
        np.testing.assert_array_equal(batch.values[index], alone.values[0])
        np.testing.assert_array_equal(batch.mask[index], alone.mask[0])


def test_mirrored_phases_are_the_phases_of_the_mirrored_person():
    rng = np.random.default_rng(3)
    execution = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    body = execution.body + rng.normal(0, 0.1, execution.body.shape)
    flat = execution.flat + rng.normal(0, 0.1, execution.flat.shape)
    visibility = rng.uniform(0.25, 1, execution.visibility.shape)
    one = replace(execution, body=body, flat=flat, visibility=visibility)
    other = replace(
        execution,
        body=body[:, MIRROR] * (-1, 1, 1),
        flat=flat[:, MIRROR] * (-1, 1),
        visibility=visibility[:, MIRROR],
    )
    swapped, expected = mirror(represent([one])), represent([other])
    np.testing.assert_array_equal(swapped.mask, expected.mask)
    np.testing.assert_allclose(swapped.values, expected.values, atol=1e-4)
    np.testing.assert_array_equal(mirror(swapped).values, represent([one]).values)


def test_an_execution_says_what_does_not_fit():
    execution = left_elbow_bends(np.linspace(0, 2, 31), 1.0, 2.0)
    with pytest.raises(ValueError, match=r"expected flat, body, visibility \(\(31, 15, 2\)"):
        replace(execution, body=execution.body[:-1])
    with pytest.raises(ValueError, match="starts, turns, ends"):
        replace(execution, turn_s=2.5)


def test_no_repetitions_are_no_phases():
    assert len(represent([])) == 0
