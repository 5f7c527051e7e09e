"""Cross-validation by subject: folds, figures and their intervals."""

from dataclasses import replace

import numpy as np
import pytest
from executions import curl, perform, squat
from training_data import in_turn, person, silent

from repscore.models.scorer.evaluation import (
    Predictions,
    Report,
    by_exercise,
    cross_validate,
    figures,
    folds_of,
)
from repscore.models.scorer.examples import Example, Rows, TrainingSet


def predictions(named: list[list[float]], correct: list[float] | None = None) -> Predictions:
    unknown = np.full(len(named), np.nan)
    logit = unknown if correct is None else np.array(correct)
    return Predictions(np.array(named, float), logit, unknown)


def test_nobody_is_on_both_sides_of_a_fold_and_groups_are_spread() -> None:
    people = [
        Example(f"{group}{i}", exercise, None, perform(pose), group)
        for group in ("patient", "healthy")
        for i in range(9)
        for exercise, pose in (("squat", squat()), ("curl", curl()))
    ]
    data = TrainingSet(people)
    folds = folds_of(data, 3, seed=0)
    for name in set(data.subject):
        assert len(set(folds[data.subject == name])) == 1
    for fold in range(3):
        assert sorted({*data.subject[(folds == fold) & (data.group == "patient")]}) != []
        assert len({*data.subject[(folds == fold) & (data.group == "patient")]}) == 3
    assert not np.array_equal(folds, folds_of(data, 3, seed=1))


def test_good_and_bad_are_spread_where_nobody_performs_both() -> None:
    """Eight good and eight bad squats, each of a subject of its own."""
    data = TrainingSet(
        [
            Example(f"{kind}{i}", "squat", kind == "good", perform(squat()))
            for kind in ("good", "bad")
            for i in range(8)
        ]
    )
    folds = folds_of(data, 8, seed=0)
    for fold in range(8):
        assert sorted(data.correct[folds == fold]) == [0, 1]


def test_every_repetition_is_predicted_once_by_what_learned_from_the_others() -> None:
    real = [each for number in range(4) for each in person(number)]
    data = TrainingSet(real, person(9))
    folds = folds_of(data, 2, seed=0)
    asked: list[int] = []

    def method(data: TrainingSet, known: Rows, held_out: Rows, report: Report) -> Predictions:
        assert not set(data.subject[known]) & set(data.subject[held_out])
        assert data.synthetic[known].sum() == 6
        asked.extend(held_out.tolist())
        report("learned")
        return predictions([[1.0, 0.0]] * len(held_out))

    reports: list[str] = []
    (found,) = cross_validate(data, [folds], method, in_turn, reports.append)
    assert sorted(asked) == list(range(len(real)))
    assert found.named.shape == (len(real), 2)
    assert reports[:2] == ["fold 1 of 2: learned", "fold 1 of 2: evaluated"]
    twice = cross_validate(data, [folds, folds], method, in_turn, reports.append)
    assert len(twice) == 2
    assert reports[-1] == "fold 2 of 2, repeat 2 of 2: evaluated"


def test_intervals_of_held_out_subjects_cover_the_truth_and_decide_where_it_is_plain() -> None:
    data = TrainingSet([each for number in range(9) for each in person(number)])
    folds = folds_of(data, 3, seed=0)
    certain = np.where(data.correct > 0, 3.0, -3.0)
    named = np.eye(2)[data.exercise]
    found = Predictions(named, certain, np.zeros(len(certain)))
    table = figures(data, [folds], [found])
    for name in ("auc", "balanced_accuracy", "exercise_right", "interval_coverage"):
        assert table[name] == (1.0, 1.0, 1.0)
    assert table["interval_decides"][0] == 1.0
    assert np.isnan(table["subjects_right"][0]), "people perform several exercises"
    rows = by_exercise(data, [folds], [found])
    assert rows["squat"] == {"exercise_right": 1.0, "balanced_accuracy": 1.0}
    assert np.isnan(rows["curl"]["balanced_accuracy"])


def test_subjects_are_right_by_most_of_their_repetitions() -> None:
    """Two videos of squats; one of three repetitions of the first, two of the second are missed."""
    squats = [Example(video, "squat", None, perform(squat())) for video in "aaabbb"]
    data = TrainingSet([*squats, Example("c", "curl", None, perform(curl()))])
    found = predictions([[0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [1, 0]])
    table = figures(data, [np.arange(7)], [found])
    assert table["subjects_right"][0] == pytest.approx(2 / 3)
    assert table["exercise_right"][0] == pytest.approx(4 / 7)
    unknown = [table[name][0] for name in ("auc", "balanced_accuracy", "interval_coverage")]
    assert np.isnan(unknown).all()


def test_figures_are_means_over_the_repeats() -> None:
    """All four right once, and two of them the other time: one of three videos, then all."""
    videos = [Example(video, "squat", True, perform(squat())) for video in "aabc"]
    data = TrainingSet([*videos[:3], replace(videos[3], exercise="curl", correct=False)])
    all_right = predictions([[0, 1], [0, 1], [0, 1], [1, 0]], [1.0, 1.0, 1.0, 0.0])
    two_right = predictions([[0, 1], [0, 1], [1, 0], [0, 1]], [0.0, 0.0, 1.0, 1.0])
    folds = [np.arange(4)] * 2
    table = figures(data, folds, [all_right, two_right])
    assert table["exercise_right"][0] == pytest.approx((1 + 1 / 2) / 2)
    assert table["subjects_right"][0] == pytest.approx((1 + 1 / 3) / 2)
    assert table["auc"][0] == pytest.approx((1 + 1 / 6) / 2)
    value, low, high = table["exercise_right"]
    assert low < value < high
    assert figures(data, folds[:1], [all_right])["subjects_right"] == (1, 1, 1)


def test_a_group_has_figures_of_its_own_and_the_unnamed_have_none() -> None:
    videos = [
        Example(video, "squat", None, perform(squat()), group) for video, group in ("ax", "by")
    ]
    other = Example("c", None, None, perform(curl()), "x")
    data = TrainingSet([*videos, other])
    found = predictions([[1.0], [1.0], [1.0]])
    folds = [np.arange(3)]
    assert figures(data, folds, [found])["exercise_right"][0] == 1.0
    assert figures(data, folds, [found], "y")["exercise_right"][0] == 1.0
    assert data.names == ("squat",)
    assert silent("") is None
