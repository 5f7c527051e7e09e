"""Public data sets in the one layout: what is read, and what is said of a foreign folder."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from executions import perform, squat

from repscore.models.skeleton import JOINT
from repscore.pipelines.labels import read_labels
from research.convert import convert
from research.irds import IrdsRepetition, read_irds
from research.layout import LabelRow, write_labels
from research.pose_trainer import LIFTS


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        LabelRow("a.npz", "squat", 0.0, 1.5, correct=False, subject="anna", group="healthy"),
        LabelRow("a.npz", "squat", 2.25, 3.0, correct=True, subject="anna", group="healthy"),
        LabelRow("b.npz", "curl", count=3),
    ]
    write_labels(tmp_path, rows)
    first, second = read_labels(str(tmp_path))
    assert [each.correct for each in first.repetitions] == [False, True]
    assert [(each.start_s, each.end_s) for each in first.repetitions] == [(0.0, 1.5), (2.25, 3.0)]
    assert (second.count, second.repetitions) == (3, ())


def test_the_sensor_may_stand_anywhere() -> None:
    body = perform(squat()).body.astype(float)
    camera = body * np.array([1.0, -1.0, -1.0]) * 0.5 + np.array([0.3, 0.1, 2.5])
    cosine, sine = np.cos(0.4), np.sin(0.4)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    for joints_m in (camera, camera @ turn):
        repetition = IrdsRepetition("101", False, "squat", True, joints_m)
        np.testing.assert_allclose(repetition.body, body, atol=0.02)


def test_irds_is_one_file_per_subject_and_gesture(tmp_path: Path, shared_data: Path) -> None:
    done = CliRunner().invoke(convert, ["irds", str(shared_data / "irds"), str(tmp_path)])
    assert done.exit_code == 0, done.output
    inputs = read_labels(str(tmp_path))
    every = [each for one in inputs for each in one.repetitions]
    assert len(every) == 2130
    assert len({each.subject for each in every}) == 23
    assert {each.group for each in every} == {"patient", "healthy"}
    assert sum(each.correct is False for each in every) == 387
    assert sum(each.correct is None for each in every) == 8
    with np.load(inputs[0].uri) as file:
        assert file["world_m"].shape == (*file["time_s"].shape, 15, 3)
        last = inputs[0].repetitions[-1]
        assert file["time_s"][-1] == pytest.approx(last.end_s - 1 / 30, abs=1e-6)


def test_gestures_are_named_by_the_side_that_moves(shared_data: Path) -> None:
    for repetition in read_irds(shared_data / "irds"):
        for side, other in (("left", "right"), ("right", "left")):
            if repetition.exercise == f"elbow_flexion_{side}" and repetition.correct:
                moved = {
                    each: np.ptp(repetition.body[:, JOINT[f"{each}_wrist"]], axis=0).sum()
                    for each in (side, other)
                }
                assert moved[side] > moved[other]


def test_a_foreign_folder_is_told_what_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "skeletons.npz", xyz=np.zeros((3, 1, 3)), joints=np.array(["Head"]))
    (tmp_path / "index.csv").write_text("file\n")
    for name, words in (("irds", "SpineBase"), ("pose-trainer", "expected the folders bicep")):
        done = CliRunner().invoke(convert, [name, str(tmp_path), str(tmp_path / "out")])
        assert done.exit_code == 1
        assert words in done.output


def test_files_of_lifts_say_whether_they_are_good(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for lift in LIFTS:
        (source / lift).mkdir(parents=True)
    points = np.random.default_rng(0).uniform(100, 300, (1, 18, 3)).repeat(40, axis=0)
    np.save(source / "bicep" / "bicep_bad_1.npy", points)
    np.save(source / "shoulderpress" / "shoulderpressgood1.npy", points)
    assert CliRunner().invoke(convert, ["pose-trainer", str(source), str(target)]).exit_code == 0
    found = {one.exercise: one.repetitions[0].correct for one in read_labels(str(target))}
    assert found == {"biceps_curl": False, "shoulder_press": True}
    np.save(source / "bicep" / "bicep_1.npy", points)
    done = CliRunner().invoke(convert, ["pose-trainer", str(source), str(target)])
    assert done.exit_code == 1
    assert "good or bad" in done.output
