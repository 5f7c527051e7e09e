"""Borders and intervals: where two kinds part, who has a say, coverage on strangers."""

import numpy as np
import pytest

from repscore.models.scorer.calibration import (
    Border,
    border_of_judged,
    covered,
    quantile_of_people,
)


def _people(count: int, seed: int, each: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People who repeat alike: half correct around +1, half incorrect around -1, offsets of 0.7."""
    rng = np.random.default_rng(seed)
    people = np.repeat([f"{i:03d}" for i in range(count)], each)
    correct = np.tile(np.arange(each) < each // 2, count)
    offset = np.repeat(rng.normal(0, 0.7, count), each)
    return np.where(correct, 1.0, -1.0) + offset + rng.normal(0, 0.3, len(people)), correct, people


def test_fifty_lies_between_two_kinds_however_unequal_their_numbers() -> None:
    merit = np.array([3.0, 3.2, 2.8, 3.1, 2.9, 3.0, 3.0, 3.0, 1.0, 1.1, 0.9])
    correct = np.arange(len(merit)) < 8
    border = border_of_judged(merit, correct, np.array(list("abcdefghijk")))
    assert border.at == pytest.approx(2.0, abs=0.15)
    score, low, high = border.scores(merit)
    assert (score[correct] > 50).all()
    assert (score[~correct] < 50).all()
    assert ((low <= score) & (score <= high)).all()


def test_a_score_says_how_far_from_the_border() -> None:
    score, low, high = Border(at=1.0, width=2.0, down=2.0, up=4.0).scores(np.array([1.0, 3.0]))
    assert score == pytest.approx([50.0, 73.1], abs=0.1)
    assert low == pytest.approx([26.9, 50.0], abs=0.1)
    assert high == pytest.approx([88.1, 95.3], abs=0.1)
    assert np.isnan(Border(0.0, 1.0).scores(np.zeros(1))[1]).all()


def test_a_person_who_repeats_much_has_no_more_say() -> None:
    values = np.concatenate([np.full(1000, 9.0), [1.0, 2.0, 3.0]])
    people = np.array(["a"] * 1000 + ["b", "c", "d"])
    assert quantile_of_people(values, people, 0.5) == 2.0
    assert quantile_of_people(values, people, 0.8) == 9.0


def test_intervals_hold_for_nine_of_ten_repetitions_of_strangers() -> None:
    shares = []
    for seed in range(20):
        border = border_of_judged(*_people(40, seed))
        merit, correct, _ = _people(200, 1000 + seed)
        _, low, high = border.scores(merit)
        shares.append(covered(low, high, correct).mean())
    assert 0.86 < np.mean(shares) < 0.94


def test_an_interval_admits_the_truth_or_not() -> None:
    low, high = np.array([60.0, 10.0, 30.0]), np.array([90.0, 40.0, 70.0])
    assert covered(low, high, np.array([True, True, True])).tolist() == [True, False, True]
    assert covered(low, high, np.array([False, False, False])).tolist() == [False, True, True]


def test_one_kind_of_truth_makes_no_border() -> None:
    with pytest.raises(ValueError, match="found 2 and 0"):
        border_of_judged(np.zeros(2), np.ones(2, bool), np.array(["a", "b"]))
