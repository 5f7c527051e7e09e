"""Comparison of scoring methods: other lengths, plain methods, unknown exercises, references."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from executions import curl, lateral_raise, perform, squat
from training_data import in_turn, person, silent

from repscore.models.scorer.evaluation import Method, cross_validate, figures, folds_of
from repscore.models.scorer.examples import Example, TrainingSet
from repscore.models.scorer.network import NetworkConfig, augment, mirror
from repscore.models.scorer.sequences import sequences_of
from repscore.models.scorer.training import NetworkMethod, TrainingConfig
from research import methods, unknown
from research.few_shot import few_shot
from research.kinematics import kinematics
from research.lengths import padded, prototypes_of, warp, warp_distance, warped
from research.methods import METHODS, mean, methods_of
from research.scoring import scoring

QUICK = NetworkMethod(TrainingConfig(recipe=NetworkConfig(epochs=15, learning_rate=1e-2)))


def people(count: int) -> TrainingSet:
    return TrainingSet([each for number in range(count) for each in person(number)])


def test_padding_marks_what_lies_after_the_end_as_unseen() -> None:
    sequences = padded([perform(squat(), duration_s=2.0)])
    assert sequences.joints[0, :30, :, 3].all()
    assert not sequences.joints[0, 30:].any()


def test_augmentation_keeps_the_hips_and_what_is_not_seen() -> None:
    joints = torch.from_numpy(padded([perform(squat())]).joints)
    other = augment(joints, torch.Generator().manual_seed(0))
    seen = joints[0, :, 0, 3] > 0
    assert torch.equal(other[0, :, :, 3].amax(dim=1) > 0, seen), "padding is neither moved nor cut"
    assert other[0, :25, 8, :3].abs().max() < 0.1
    assert torch.equal(mirror(mirror(joints)), joints)


def test_warping_undoes_another_pace() -> None:
    even, late = (perform(squat(), turn=turn) for turn in (0.5, 0.6))
    joints = sequences_of([even, late]).joints
    before = np.abs(joints[1] - joints[0]).max()
    assert np.abs(warp(joints[1:], joints[0])[0] - joints[0]).max() < before / 2
    assert warp_distance(joints, joints[0])[0] < 1e-3
    assert warp_distance(joints[1:], joints[0])[0] < np.sqrt(((joints[1] - joints[0]) ** 2).mean())
    prototypes = prototypes_of(sequences_of([even]), np.zeros(1, np.int64))
    assert np.abs(warped([late], prototypes).joints[0] - joints[0]).max() < before / 2


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_held_out_subjects(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "NetworkMethod", lambda: QUICK)
    data = people(9)
    (method,) = methods_of(data, (name,)).values()
    held_out = np.flatnonzero(np.isin(data.subject, ["107", "108"]))
    known = np.setdiff1d(np.arange(len(data.exercise)), held_out)
    predictions = method(data, known, held_out, silent)
    fit = data.correct[held_out] > 0  # half a squat may be anything
    right = predictions.named.argmax(axis=1) == data.exercise[held_out]
    assert right[fit].mean() > 0.9
    assert np.isfinite(predictions.correct).all()


def test_linear_tells_half_a_squat_of_held_out_subjects_from_a_whole_one() -> None:
    data = people(9)
    folds = folds_of(data, 8, seed=0)
    (method,) = methods_of(data, ("linear",)).values()
    results = cross_validate(data, [folds], method, in_turn, silent)
    table = figures(data, [folds], results)
    assert table["auc"][0] == table["balanced_accuracy"][0] == 1.0
    assert few_shot(data)["squat"] == (1.0, 0.0)
    both = mean(results[0], results[0])
    assert np.array_equal(both.named, results[0].named)


@pytest.mark.parametrize("name", ["linear", "forest"])
def test_correctness_that_nobody_labelled_is_not_predicted(name: str) -> None:
    data = people(4)
    data.correct[:] = np.nan
    (method,) = methods_of(data, (name,)).values()
    assert np.isnan(method(data, np.arange(12), np.arange(12, 24), silent).correct).all()


def test_time_warping_with_nothing_left_for_its_threshold_says_so() -> None:
    data = people(1)
    with pytest.raises(ValueError, match=r"dtw: 4 correct executions .* leave --method dtw out"):
        methods.nearest(data, np.arange(6), np.arange(6), silent)


@pytest.mark.parametrize("name", ["linear", "forest", "dtw"])
def test_outliers_are_for_networks_alone(name: str) -> None:
    real = [each for number in range(8) for each in person(number)]
    outlier = Example("outlier", None, None, perform(lateral_raise()))
    known, held_out = np.arange(6, 48), np.arange(6)
    plain, fuller = (TrainingSet(real, more) for more in ([], [outlier]))
    results = [
        _only(methods_of(data, (name,)))(data, rows, held_out, silent)
        for data, rows in ((plain, known), (fuller, np.append(known, 48)))
    ]
    assert np.array_equal(results[0].named, results[1].named)
    assert np.array_equal(results[0].correct, results[1].correct)


def _only(by_name: dict[str, Method]) -> Method:
    (method,) = by_name.values()
    return method


def test_an_exercise_that_was_left_out_is_far_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unknown, "NetworkMethod", lambda: QUICK)
    poses = {"curl": curl(), "raise": lateral_raise(), "squat": squat()}
    data = TrainingSet(
        [
            Example(f"{video}{name}", name, None, perform(pose, noise=0.02, seed=video))
            for video in range(8)
            for name, pose in poses.items()
        ]
    )
    folds = folds_of(data, 4, seed=0)
    reports: list[str] = []
    table = unknown.unknown(data, [folds], in_turn, reports.append)
    assert table.keys() == poses.keys()
    assert table["curl"] == (1.0, 1.0)
    assert len(reports) == 3


def test_kinematics_do_not_depend_on_the_frame_rate() -> None:
    fast, slow = kinematics([perform(squat(), fps=fps) for fps in (60.0, 30.0)])
    ranges = slice(0, 8)
    np.testing.assert_allclose(fast[ranges], slow[ranges], atol=1.0)


def test_the_command_names_its_methods() -> None:
    assert CliRunner().invoke(scoring, ["nowhere", "--method", "magic"]).exit_code == 2
