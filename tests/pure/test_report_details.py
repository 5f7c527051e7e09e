"""What the report says of a video: motion, odd repetitions, and where they differ."""

from base64 import b64decode
from pathlib import Path

import executions
import numpy as np
import pytest
import report_datasets
from archives import archive

from repscore.models.scorer.files import references_of
from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import JOINT
from repscore.pipelines.report_page.details import (
    MISSING,
    Track,
    compare,
    encoded,
    follow,
    motion_signal,
    odd_ones,
    skeletons,
)
from repscore.transforms.repetitions.order import recording_of
from repscore.transforms.repetitions.subject import Subjects


def squat(knees_deg: float) -> Execution:
    """A squat of 2 s whose knees reach this angle at 1 s."""
    return executions.perform(executions.squat(180.0 - knees_deg))


def test_the_signal_rises_to_the_turning_points_and_stops_where_nobody_is_seen() -> None:
    # One joint goes from 0 to 1 torso and back in 4 s, twice; then nobody is seen for 4 s.
    time_s = np.arange(0.0, 8.0, 0.2)
    height = 0.5 - 0.5 * np.cos(2 * np.pi * time_s / 4.0)
    joints = np.stack([height, np.zeros_like(height)], axis=1).astype(np.float32)
    found = [executions.repetition(s, s + 4.0, turn_s=s + 2.0) for s in (0.0, 4.0)]

    for upside in (1.0, -1.0):
        signal = motion_signal(Track(time_s, upside * joints), found, 12.0)

        assert len(signal) == 61
        assert signal[10] - signal[0] == pytest.approx(1.0, abs=0.01)
        assert np.isfinite(signal[:40]).all()
        assert np.isnan(signal[45:]).all()


def test_a_person_who_is_never_seen_has_no_signal() -> None:
    nobody = Track(np.arange(10) / 5, np.full((10, 3), np.nan, np.float32))

    assert np.isnan(motion_signal(nobody, [], 2.0)).all()


def test_the_odd_one_lies_apart_from_the_median_of_the_others() -> None:
    curves = np.full((6, 4), 90.0) + np.arange(6)[:, None] / 10
    curves[2] += 30.0

    assert odd_ones(curves).tolist() == [False, False, True, False, False, False]
    assert not odd_ones(curves[3:]).any()
    assert not odd_ones(np.full((3, 4), np.nan)).any()


def test_a_shallow_squat_differs_at_the_knees_at_the_turn() -> None:
    compared = compare([squat(80.0)] * 4 + [squat(120.0)], None, None)

    assert compared is not None
    assert compared.angle in ("left_knee", "right_knee")
    assert compared.odd.tolist() == [False] * 4 + [True]
    assert compared.curves[:, 16] == pytest.approx([80, 80, 80, 80, 120], abs=2)
    knee = compared.deviation[4, JOINT["left_knee"]]
    assert 7 <= int(np.argmax(knee)) <= 8
    assert knee.max() > 3
    assert np.nanmax(compared.deviation[0]) < 0.1
    knees = compared.expected[16, JOINT["left_knee"]]
    assert knees == pytest.approx(skeletons([squat(80.0)])[0, 16, JOINT["left_knee"]], abs=0.02)


def test_references_say_what_is_expected_of_a_single_repetition() -> None:
    references = references_of({"squat": [[squat(80.0)]]})

    compared = compare([squat(120.0)], references, "squat")

    assert compared is not None
    assert np.nanmax(compared.deviation) > 3
    assert compare([squat(120.0)], references, "curl") is None
    assert compare([squat(120.0)] * 2, None, "squat") is None


def test_bytes_hold_values_in_steps_and_what_is_missing() -> None:
    packed = encoded(np.array([0.0, 1.0, np.nan, 99.0, -9.0]), 0.0, 10.0)

    assert list(b64decode(packed)) == [0, 10, MISSING, MISSING - 1, 0]


def test_repetitions_are_those_of_the_run_over_cuts_and_holes(tmp_path: Path) -> None:
    segments = archive(tmp_path, "raises", missing=4)

    repetitions, tracks = follow(segments, Subjects())

    expected = recording_of(segments, Subjects()).repetitions
    assert [(each.person, each.start_s) for each in repetitions] == [
        (each.person, each.start_s) for each in expected
    ]
    assert len(repetitions) > 5
    signal = motion_signal(tracks[0], repetitions, 40.0)
    assert np.isfinite(signal[:95]).all()
    assert np.isnan(signal[105:120]).all()  # the segment from 20 to 25 s is missing


def test_a_clip_with_a_short_repetition(tmp_path: Path) -> None:
    segment = report_datasets.segment_of(tmp_path, "/squats.mp4", report_datasets.squats())

    repetitions, _ = follow([segment], Subjects())
    compared = compare(repetitions, None, None)

    assert compared is not None
    assert compared.odd.tolist() == [False] * 4 + [True]
