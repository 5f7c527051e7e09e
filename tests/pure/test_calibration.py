"""Calibration and intervals: the threshold, weights of subjects, coverage on new subjects."""

import numpy as np
import pytest

from repscore.models.scorer.calibration import (
    Calibration,
    calibrate,
    covered,
    quantile_over_subjects,
)

CALIBRATION = Calibration(threshold=1.0, scale=2.0, incorrect_margin=2.0, correct_margin=4.0)


def _subjects(count: int, seed: int, each: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subjects: half their repetitions correct at +1, half incorrect at -1, offsets of 0.7."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat([f"{i:03d}" for i in range(count)], each)
    correct = np.tile(np.arange(each) < each // 2, count)
    offset = np.repeat(rng.normal(0, 0.7, count), each)
    return (
        np.where(correct, 1.0, -1.0) + offset + rng.normal(0, 0.3, len(subjects)),
        correct,
        subjects,
    )


def test_fifty_lies_between_two_classes_of_unequal_size() -> None:
    logit = np.array([3.0, 3.2, 2.8, 3.1, 2.9, 3.0, 3.0, 3.0, 1.0, 1.1, 0.9])
    correct = np.arange(len(logit)) < 8
    calibration = calibrate(logit, correct, np.array(list("abcdefghijk")))
    assert calibration.threshold == pytest.approx(2.0, abs=0.15)
    score, low, high = calibration.scores(logit)
    assert (score[correct] > 50).all()
    assert (score[~correct] < 50).all()
    assert ((low <= score) & (score <= high)).all()


def test_a_score_says_how_far_from_the_threshold() -> None:
    score, low, high = CALIBRATION.scores(np.array([1.0, 3.0]))
    assert score == pytest.approx([50.0, 73.1], abs=0.1)
    assert low == pytest.approx([26.9, 50.0], abs=0.1)
    assert high == pytest.approx([88.1, 95.3], abs=0.1)
    assert np.isnan(Calibration(0.0, 1.0).scores(np.zeros(1))[1]).all()


def test_a_subject_with_many_repetitions_weighs_no_more() -> None:
    values = np.concatenate([np.full(1000, 9.0), [1.0, 2.0, 3.0]])
    subjects = np.array(["a"] * 1000 + ["b", "c", "d"])
    assert quantile_over_subjects(values, subjects, 0.5) == 2.0
    assert quantile_over_subjects(values, subjects, 0.8) == 9.0


def test_intervals_hold_for_nine_of_ten_repetitions_of_new_subjects() -> None:
    shares = []
    for seed in range(20):
        calibration = calibrate(*_subjects(40, seed))
        logit, correct, _ = _subjects(200, 1000 + seed)
        _, low, high = calibration.scores(logit)
        shares.append(covered(low, high, correct).mean())
    assert 0.86 < np.mean(shares) < 0.94


def test_an_interval_covers_the_truth_or_not() -> None:
    low, high = np.array([60.0, 10.0, 30.0]), np.array([90.0, 40.0, 70.0])
    assert covered(low, high, np.array([True, True, True])).tolist() == [True, False, True]
    assert covered(low, high, np.array([False, False, False])).tolist() == [False, True, True]


def test_one_class_alone_cannot_be_calibrated() -> None:
    with pytest.raises(ValueError, match="found 2 and 0"):
        calibrate(np.zeros(2), np.ones(2, bool), np.array(["a", "b"]))
