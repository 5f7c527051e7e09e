"""Evaluation of scores: subjects stay apart, lengths, symmetry of the network, files of others."""

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from executions import curl, from_the_other_side, lateral_raise, perform, squat, without_depth

from repscore.models.scorer import network
from repscore.models.scorer.kinematics import kinematics
from repscore.models.scorer.lengths import (
    LENGTHS,
    Lengths,
    prototypes_of,
    sequences_of,
    warp,
    warp_distance,
)
from repscore.models.scorer.network import (
    NONE,
    Judgement,
    Recipe,
    ScorerNetwork,
    Targets,
    augment,
    judge,
    mirror,
    naming_loss,
    shrink,
    train,
)
from repscore.models.skeleton import JOINT
from repscore.pipelines.cli import scoring
from repscore.pipelines.evaluate import methods
from repscore.pipelines.evaluate import scoring as evaluation
from repscore.pipelines.evaluate.irds import execution_of, read_irds
from repscore.pipelines.evaluate.labelled import Labelled, mirrored
from repscore.pipelines.evaluate.lifts import LIFTS, read_lifts
from repscore.pipelines.evaluate.methods import METHODS, Material, linear, recipe_for
from repscore.pipelines.evaluate.rates import by_exercise, figures
from repscore.pipelines.evaluate.scoring import (
    cross_validate,
    few_shot,
    folds_of,
    in_names,
    transfer,
)
from repscore.pipelines.evaluate.unknown import unlikeness


@pytest.mark.parametrize("lengths", LENGTHS)
def test_the_frame_rate_hardly_changes_a_sequence(lengths: Lengths) -> None:
    fast, slow = (perform(squat(), fps=fps) for fps in (60.0, 20.0))
    prototypes = prototypes_of([fast], np.zeros(1, np.int64))
    both = sequences_of([fast, slow], lengths, prototypes)
    assert np.abs(both.joints[0] - both.joints[1]).max() < 0.06
    assert (both.joints[..., 3].sum(axis=1) > 0).all()


def test_padding_marks_what_lies_after_the_end_as_unseen() -> None:
    padded = sequences_of([perform(squat(), duration_s=2.0)], "padding", None)
    assert padded.joints[0, :30, :, 3].all()
    assert not padded.joints[0, 30:].any()


def test_warping_undoes_another_pace() -> None:
    even, late = (perform(squat(), turn=turn) for turn in (0.5, 0.6))
    joints = sequences_of([even, late], "phases", None).joints
    before = np.abs(joints[1] - joints[0]).max()
    assert np.abs(warp(joints[1:], joints[0])[0] - joints[0]).max() < before / 2
    assert warp_distance(joints, joints[0])[0] < 1e-3
    assert warp_distance(joints[1:], joints[0])[0] < np.sqrt(((joints[1] - joints[0]) ** 2).mean())


def test_warping_without_prototypes_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="needs prototypes"):
        sequences_of([perform(squat())], "warping", None)


def test_a_picture_has_no_depth() -> None:
    joints = sequences_of([without_depth(perform(squat()))], "phases", None).joints
    assert not joints[..., 2].any()
    assert joints[..., 3].all()


def test_the_network_is_small_and_does_not_know_the_side() -> None:
    torch.manual_seed(0)
    model = ScorerNetwork(2, 1, Recipe()).eval()
    assert sum(each.numel() for each in model.parameters()) < 200_000
    one = perform(curl(right_deg=130, left_deg=20))
    both = sequences_of([one, from_the_other_side(one)], "phases", None)
    found = judge(model, both, mirrored=[1, 0])
    assert found.correct[0] == pytest.approx(found.correct[1], abs=1e-5)
    np.testing.assert_allclose(found.exercise[0], found.exercise[1][::-1], atol=1e-5)


def test_augmentation_keeps_the_hips_and_what_is_not_seen() -> None:
    joints = torch.from_numpy(sequences_of([perform(squat())], "padding", None).joints)
    other = augment(joints, torch.Generator().manual_seed(0))
    seen = joints[0, :, 0, 3] > 0
    assert torch.equal(other[0, :, :, 3].amax(dim=1) > 0, seen), "padding is neither moved nor cut"
    assert other[0, :25, 8, :3].abs().max() < 0.1
    assert torch.equal(mirror(mirror(joints)), joints)


def test_training_learns_and_its_seed_decides() -> None:
    people = [_person(number) for number in range(4)]
    material = Material([item for person in people for item in person])
    targets = Targets(material.exercise, material.correct)
    recipe = Recipe(width=16, embedding=16, epochs=30, batch=8, dropout=0.0)
    first, again = (
        train(material.phases, targets, material.mirrored, recipe, seed=1) for _ in range(2)
    )
    found = judge(first, material.phases, material.mirrored)
    assert (found.exercise.argmax(axis=1) == material.exercise).all()
    good = material.correct == 1
    assert found.correct[good].mean() > found.correct[material.correct == 0].mean()
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_none_of_the_classes_wants_them_alike() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 3.0]], requires_grad=True)
    none = torch.tensor([NONE])
    even = torch.zeros(1, 3)
    assert naming_loss(even, none) < naming_loss(logits[:1], none)
    both = naming_loss(logits, torch.tensor([0, NONE]))
    each = [naming_loss(logits[:1], torch.tensor([0])), naming_loss(logits[1:], none)]
    assert both.item() == pytest.approx(sum(one.item() for one in each) / 2)
    (slope,) = torch.autograd.grad(naming_loss(logits[1:], none), logits)
    assert torch.allclose(slope[1], logits[1].softmax(dim=0) - 1 / 3)


def test_the_mirror_image_of_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []

    def spy(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        shown.extend(label.tolist())
        return naming_loss(logits, label)

    monkeypatch.setattr(network, "naming_loss", spy)
    sequences = sequences_of([perform(squat(), seed=n) for n in range(4)], "phases", None)
    exercise = np.array([0, NONE, NONE, 1])
    train(sequences, Targets(exercise, np.full(4, np.nan, np.float32)), [1, 0],
          Recipe(epochs=8), seed=0)  # fmt: skip
    assert sorted(set(shown)) == [NONE, 0, 1]
    assert shown.count(NONE) == 16


def test_nobody_is_on_both_sides_of_a_fold() -> None:
    subjects = np.repeat([f"{kind}{i:02d}" for kind in "12" for i in range(9)], 3)
    patients = np.array([name.startswith("2") for name in subjects])
    folds = folds_of(subjects, patients, np.random.default_rng(0))
    assert set(folds) == set(range(8))
    for name in set(subjects):
        assert len(set(folds[subjects == name])) == 1


def test_good_and_bad_are_dealt_evenly_where_nobody_performs_both() -> None:
    """Eight good and eight bad squats, a file each."""
    items = [
        Labelled(f"{kind}{i}", False, "squat", kind == "good", perform(squat()))
        for kind in ("good", "bad")
        for i in range(8)
    ]
    material = Material(items)
    folds = folds_of(material.subject, material.kinds, np.random.default_rng(0))
    for fold in range(8):
        assert sorted(material.correct[folds == fold]) == [0, 1]
    everybody = Material([item for number in range(3) for item in _person(number)])
    assert np.array_equal(everybody.kinds, everybody.exercise), "people perform both"


def test_what_was_learned_elsewhere_judges_other_people() -> None:
    learned = [item for number in range(6) for item in _person(number)]
    asked = Material([item for number in range(6, 9) for item in _person(number)])
    found = transfer(learned, asked, linear)
    assert (found.exercise.argmax(axis=1) == asked.exercise).all()
    truth = asked.correct
    assert found.correct[truth == 1].min() > found.correct[truth == 0].max()


def test_depth_counts_only_where_both_sides_have_it() -> None:
    learned = [item for number in range(6) for item in _person(number)]
    flat = [replace(i, execution=without_depth(i.execution)) for i in _person(7)]
    asked = Material(flat)
    found = transfer(learned, asked, linear)
    assert (found.exercise.argmax(axis=1) == asked.exercise).all()


def test_correctness_that_nobody_taught_has_no_figures() -> None:
    learned = [replace(item, correct=None) for number in range(6) for item in _person(number)]
    asked = Material([item for number in range(6, 9) for item in _person(number)])
    found = transfer(learned, asked, linear)
    dealt = [(np.arange(len(asked.items)) % 3, found)]
    told = figures(asked, dealt)
    assert told.accuracy[0] == 1.0
    assert np.isnan([told.auc[0], told.balanced[0], told.coverage[0]]).all()
    assert np.isnan(by_exercise(asked, dealt)["squat"])


def test_nobody_is_learned_from_and_judged() -> None:
    learned = [item for number in range(3) for item in _person(number)]
    with pytest.raises(ValueError, match=r"102: on both sides"):
        transfer(learned, Material([*_person(2), *_person(3)]), linear)
    raises = [Labelled("a", False, "raise", None, perform(lateral_raise()))]
    with pytest.raises(ValueError, match=r"no exercise on both sides: learned are curl, squat"):
        transfer(learned, Material(raises), linear)


@pytest.mark.parametrize("method", ["network-phases", "linear", "dtw"])
def test_an_exercise_that_was_not_learned_does_not_move_the_names_of_the_others(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked about curls, squats and raises, having learned curls and squats."""
    monkeypatch.setattr(methods, "recipe_for", lambda _: Recipe(epochs=20, batch=8))
    learned = [item for number in range(6) for item in _person(number)]
    shown = [item for item in _person(7) if item.correct is not False]
    raises = [Labelled("x", False, "arm raise", None, perform(lateral_raise())) for _ in range(3)]
    asked = Material([*shown, *raises])
    found = transfer(learned, asked, METHODS[method]).exercise.argmax(axis=1)
    assert set(asked.exercise[: len(shown)]) == {1, 2}, "curl, squat"
    assert np.array_equal(found[: len(shown)], asked.exercise[: len(shown)])
    assert (found[len(shown) :] != asked.names.index("arm raise")).all(), "it cannot be named"


def test_an_exercise_that_was_not_asked_about_is_none_of_those() -> None:
    found = Judgement(np.array([[0.1, 0.2, 0.7], [0.1, 0.6, 0.3]]), np.zeros(2))
    named = in_names(found, ["curl", "raise", "squat"], ["lunge", "raise"]).exercise
    assert named.tolist() == [[0.0, 0.2, 0.7], [0.0, 0.6, 0.3]]
    assert named.argmax(axis=1).tolist() == [2, 1], "2 is no exercise of those asked about"


def test_linear_tells_half_a_squat_of_unseen_people_from_a_whole_one() -> None:
    people = [_person(number) for number in range(9)]
    material = Material([item for person in people for item in person])
    folds = folds_of(material.subject, material.patient, np.random.default_rng(0))
    ((_, found),) = cross_validate(material, [folds], linear)
    truth = material.correct
    assert found.correct[truth == 1].min() > found.correct[truth == 0].max()
    assert np.isfinite(material.features).all()
    assert few_shot(material)["squat"] == (1.0, 0.0)


def test_intervals_of_strangers_admit_the_truth_and_decide_where_it_is_plain() -> None:
    people = [_person(number) for number in range(9)]
    material = Material([item for person in people for item in person])
    folds = folds_of(material.subject, material.patient, np.random.default_rng(0))
    found = cross_validate(material, [folds], linear)
    told = figures(material, found)
    assert told.coverage[0] == told.decided[0] == told.balanced[0] == 1.0
    assert np.isnan(told.majority[0]), "people perform several exercises"
    assert by_exercise(material, found)["squat"] == 1.0
    assert np.isnan(by_exercise(material, found)["curl"])


def test_folds_are_dealt_otherwise_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lifts(tmp_path, range(12))
    dealt: list[np.ndarray] = []
    workers: list[int] = []

    def spy(_: Material, folds: list[np.ndarray], __: methods.Method, many: int, *___: object):
        dealt.extend(folds)
        workers.append(many)
        ones, rising = np.ones((len(folds[0]), 4)), np.arange(len(folds[0]), dtype=float)
        return [(once, Judgement(ones, rising)) for once in folds]

    monkeypatch.setattr(evaluation, "cross_validate", spy)
    asked = [str(tmp_path), "--method", "linear", "--json"]
    for flags in (["--workers", "1"], ["--workers", "3", "--repeats", "3", "--leaky"]):
        done = CliRunner().invoke(scoring, [*asked, *flags])
        assert done.exit_code == 0, done.output
    assert workers == [1, 3, 3]
    told = [row["protocol"] for row in json.loads(done.stdout)["methods"]]
    assert told == ["by subject, dealt 3 times", "LEAKY random split, dealt 3 times"]
    assert np.array_equal(dealt[0], dealt[1]), "the first time is that of a single one"
    assert len({folds.tobytes() for folds in dealt[1:]}) == 6
    for flags in (["--train", str(tmp_path)], ["--model", "exercises"]):
        done = CliRunner().invoke(scoring, [str(tmp_path), "--repeats", "2", *flags])
        assert done.exit_code == 2
        assert "--repeats is of folds of PATH" in done.output


def test_an_exercise_that_was_not_learned_is_far_from_those_that_were() -> None:
    poses = {"curl": curl(), "raise": lateral_raise(), "squat": squat()}
    items = [
        Labelled(f"{video}{name}", False, name, None, perform(pose, noise=0.02, seed=video))
        for video in range(8)
        for name, pose in poses.items()
    ]
    material = Material(items)
    known, asked = np.arange(12), np.arange(12, 24)
    known = known[material.exercise[known] != 2]
    far = unlikeness(material, 2, known, asked)
    new = material.exercise[asked] == 2
    assert far[new].min() > far[~new].max()


def test_a_smaller_movement_keeps_the_bones_and_where_it_begins() -> None:
    joints = torch.from_numpy(sequences_of([perform(squat())] * 64, "phases", None).joints)
    smaller, changed = shrink(joints, 1.0, torch.Generator().manual_seed(0))
    assert torch.allclose(smaller[:, 0], joints[:, 0], atol=1e-5)
    thighs = [(each[:, :, 10, :3] - each[:, :, 9, :3]).norm(dim=-1) for each in (joints, smaller)]
    assert torch.allclose(*thighs, atol=1e-3)
    depth = [each[:, :, 10, :3].sub(each[:, :1, 10, :3]).norm(dim=-1).amax(dim=1)
             for each in (joints, smaller)]  # fmt: skip
    assert (depth[1] < 0.95 * depth[0])[changed].float().mean() > 0.8
    assert 0.5 < changed.float().mean() < 0.9
    same, none = shrink(joints, 0.0, torch.Generator())
    assert torch.equal(same, joints)
    assert not none.any()


def test_what_one_person_repeats_counts_by_its_square_root() -> None:
    correct = np.array([1, 1, 1, 1, 1, 0, np.nan], np.float32)
    weights = Targets(np.zeros(7, np.int64), correct, np.array(list("aaaabcc"))).weights()
    assert weights[correct == 1].sum() == pytest.approx(weights[correct == 0].sum())
    assert weights[:4].sum() == pytest.approx(2 * weights[4])
    assert weights[6] == 0


def test_few_repetitions_come_in_small_batches() -> None:
    few, many = recipe_for(100), recipe_for(1_800)
    assert few.batch == 8
    assert many.batch == Recipe().batch
    assert few.epochs == many.epochs == Recipe().epochs


def test_kinematics_do_not_depend_on_the_frame_rate() -> None:
    fast, slow = kinematics([perform(squat(), fps=fps) for fps in (60.0, 30.0)])
    ranges = slice(0, 8)
    np.testing.assert_allclose(fast[ranges], slow[ranges], atol=1.0)


def test_the_sensor_may_stand_anywhere() -> None:
    body = perform(squat()).body.astype(float)
    kinect = body * np.array([-1.0, 1.0, -1.0]) * 0.5 + np.array([0.3, 0.1, 2.5])
    cosine, sine = np.cos(0.4), np.sin(0.4)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    np.testing.assert_allclose(execution_of(kinect).body, body, atol=0.02)
    np.testing.assert_allclose(execution_of(kinect @ turn).body, body, atol=0.02)


def test_left_and_right_change_places_in_names() -> None:
    assert mirrored("elbow_flexion_left") == "elbow_flexion_right"
    assert mirrored("squat") == "squat"


def test_a_foreign_folder_is_told_what_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "skeletons.npz", xyz=np.zeros((3, 1, 3)), joints=np.array(["Head"]))
    (tmp_path / "index.csv").write_text("file\n")
    with pytest.raises(ValueError, match="SpineBase"):
        read_irds(tmp_path)


def test_the_command_offers_the_methods_that_there_are() -> None:
    (offered,) = (option for option in scoring.params if option.name == "methods")
    assert isinstance(offered.type, click.Choice)
    assert list(offered.type.choices) == list(METHODS)


def test_the_layout_of_irds_is_read(shared_data: Path) -> None:
    items = read_irds(shared_data / "irds")
    assert len(items) == 2130
    assert len({item.subject for item in items}) == 23
    assert sum(item.correct is False for item in items) == 387
    assert sum(item.correct is None for item in items) == 8
    for side, other in (("left", "right"), ("right", "left")):
        for item in items:
            if item.exercise == f"elbow_flexion_{side}" and item.correct:
                moved = {
                    each: np.ptp(item.execution.body[:, JOINT[f"{each}_wrist"]], axis=0).sum()
                    for each in (side, other)
                }
                assert moved[side] > moved[other], "named by the side that moves"


def test_a_scorer_file_is_evaluated_and_what_is_not_known_is_null(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(100, 300, (1, 18, 3)).repeat(40, axis=0)
    for lift in LIFTS:
        (tmp_path / lift).mkdir()
        np.save(tmp_path / lift / f"{lift}_good_1.npy", points)
    done = CliRunner().invoke(scoring, [str(tmp_path), "--model", "exercises", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout, parse_constant=pytest.fail)["methods"]
    assert (row["protocol"], row["method"]) == ("as it is", "exercises")
    assert row["auc"] == [None, None, None], "nothing is bad"
    assert 0 <= row["accuracy"][0] <= 1
    done = CliRunner().invoke(scoring, [str(tmp_path), "--model", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert f"scorer file {tmp_path / 'none'}" in done.output.replace("\n", "")
    done = CliRunner().invoke(scoring, [str(tmp_path), "--train", str(tmp_path), "--leaky"])
    assert done.exit_code == 2
    assert "give one" in done.output


@pytest.mark.parametrize("quiet", [False, True])
def test_who_learns_from_another_data_set_is_told_how_far_it_is(
    tmp_path: Path, quiet: bool
) -> None:
    _lifts(tmp_path / "one", range(4))
    _lifts(tmp_path / "two", range(4, 8))
    asked = [str(tmp_path / "one"), "--train", str(tmp_path / "two"), "--method", "linear"]
    flags = ["--method", "forest", "--workers", "1", *(["--quiet"] if quiet else [])]
    done = CliRunner().invoke(scoring, [*asked, *flags])
    assert done.exit_code == 0, done.output
    lines = done.stderr.splitlines()
    assert lines == (
        [] if quiet else [f"learned from two: {name}" for name in ("linear", "forest")]
    )
    done = CliRunner().invoke(scoring, [*asked, "--method", "dtw", "--workers", "1"])
    assert done.exit_code == 1
    assert "dtw: 8 correct executions to learn from; expected more than 5 of" in done.output


def test_files_of_lifts_say_whether_they_are_good(tmp_path: Path) -> None:
    for lift in LIFTS:
        (tmp_path / lift).mkdir()
    points = np.random.default_rng(0).uniform(100, 300, (1, 18, 3)).repeat(40, axis=0)
    np.save(tmp_path / "bicep" / "bicep_bad_1.npy", points)
    np.save(tmp_path / "shoulderpress" / "shoulderpressgood1.npy", points)
    found = {one.exercise: one.correct for one in read_lifts(tmp_path)}
    assert found == {"biceps_curl": False, "shoulder_press": True}
    np.save(tmp_path / "bicep" / "bicep_1.npy", points)
    with pytest.raises(ValueError, match="good or bad"):
        read_lifts(tmp_path)


def test_the_layouts_of_videos_are_read(shared_data: Path) -> None:
    items = read_lifts(shared_data / "pose_trainer")
    assert len(items) == 112
    assert sum(bool(item.correct) for item in items) == 55
    assert not any(np.isfinite(item.execution.body).any() for item in items)


def _lifts(folder: Path, numbers: range) -> None:
    """A folder of sequences of noise: every other one is good."""
    for lift in LIFTS:
        (folder / lift).mkdir(parents=True)
        for number in numbers:
            points = np.random.default_rng(number).uniform(100, 300, (20, 18, 3))
            kind = ("good", "bad")[number % 2]
            np.save(folder / lift / f"{lift}_{kind}_{number}.npy", points)


def _person(number: int) -> list[Labelled]:
    """Two whole squats, two half ones and two curls of a person of their own proportions."""
    size = 0.7 + 0.03 * number

    def item(exercise: str, correct: bool, pose: object, seed: int) -> Labelled:
        execution = perform(pose, noise=0.01, seed=10 * number + seed)  # type: ignore[arg-type]
        return Labelled(f"1{number:02d}", False, exercise, correct, execution)

    return [
        *(item("squat", True, squat(100, leg=size), seed) for seed in (0, 1)),
        *(item("squat", False, squat(40, leg=size), seed) for seed in (2, 3)),
        *(item("curl", True, curl(), seed) for seed in (4, 5)),
    ]
