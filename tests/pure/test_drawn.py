"""Drawn executions: each looks like its exercise, whatever its form."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from executions import curl, perform, squat, without_depth

from repscore.models.scorer.learned import distances
from repscore.models.scorer.network import Recipe
from repscore.models.skeleton import ANGLES, JOINT, JOINTS, joint_angles_deg
from repscore.pipelines.cli import scoring
from repscore.pipelines.evaluate import unknown
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.lifts import LIFTS
from repscore.pipelines.evaluate.methods import Material
from repscore.pipelines.evaluate.scoring import as_deep_as
from repscore.pipelines.train.drawn import POSTURES, drawn
from repscore.transforms.repetitions.clean import RATE_HZ

COUNT = 40


def bodies(exercise: str) -> list[np.ndarray]:
    return [np.asarray(one.execution.body) for one in drawn([exercise], COUNT, 3)]


def trunk(body: np.ndarray) -> np.ndarray:
    """(T,) 1 upright, 0 lying, of a trunk."""
    along = body[:, JOINT["neck"]] - body[:, JOINT["mid_hip"]]
    return along[:, 1] / np.linalg.norm(along, axis=1)


def moved_deg(body: np.ndarray, angle: str) -> float:
    """How far the wider moving side's angle goes."""
    angles = joint_angles_deg(body)
    columns = [tuple(ANGLES).index(f"{side}_{angle}") for side in ("left", "right")]
    return float(np.ptp(angles[:, columns], axis=0).max())


def hands_above_shoulders(body: np.ndarray) -> np.ndarray:
    return np.mean(
        [body[:, JOINT[f"{s}_wrist"], 1] - body[:, JOINT[f"{s}_shoulder"], 1]
         for s in ("left", "right")], axis=0
    )  # fmt: skip


@pytest.mark.parametrize("exercise", POSTURES)
def test_every_execution_is_a_body_that_moves_and_comes_back(exercise: str) -> None:
    for one in drawn([exercise], COUNT, 1):
        body, flat = np.asarray(one.execution.body), np.asarray(one.execution.flat)
        assert body.shape[1:] == (len(JOINTS), 3)
        assert flat.shape == (*body.shape[:2], 2)
        assert np.isfinite(body).all()
        assert np.isfinite(flat).all()
        moved = np.linalg.norm(body - body[0], axis=-1).max(axis=1)
        assert moved.max() > (0.2 if exercise == "push_up" else 0.3)
        assert moved[-1] < 0.7 * moved.max()
        thigh = np.linalg.norm(body[:, JOINT["left_knee"]] - body[:, JOINT["left_hip"]], axis=1)
        assert np.ptp(thigh) < 0.5, "a bone keeps its length but for a guessed depth and noise"
        torso = np.linalg.norm(body[:, JOINT["neck"]], axis=1)
        assert np.median(torso) == pytest.approx(1, abs=0.01)
        turn = round(one.execution.turn_s * RATE_HZ)
        assert moved[turn] > 0.7 * moved.max()


def test_each_exercise_is_known_by_what_makes_it_one() -> None:
    for body in bodies("squat"):
        assert moved_deg(body, "knee") > 40
        assert trunk(body).max() > 0.8
    for body in bodies("jump_jack"):
        assert moved_deg(body, "shoulder") > 40
        assert moved_deg(body, "knee") < 40
    for body in bodies("front_raise"):
        assert moved_deg(body, "shoulder") > 30
        assert np.ptp(trunk(body)) < 0.4
    for body in bodies("pull_up"):
        assert hands_above_shoulders(body).max() > 0.6, "hangs from a bar"
        assert moved_deg(body, "elbow") > 60
    for body in bodies("push_up"):
        assert abs(trunk(body)).min() < 0.6, "lies"
        assert abs(trunk(body)).max() < 0.85, "on the knees less flat"
        assert hands_above_shoulders(body).max() < 0, "on the hands"
    for body in bodies("bench_press"):
        assert hands_above_shoulders(body).max() > 0.4, "lies below the bar"
        assert moved_deg(body, "elbow") > 30
    for body in bodies("sit_up"):
        assert np.ptp(trunk(body)) > 0.4


def middle(exercise: str, joint: str, axis: int, *, less: str = "mid_hip", deep: bool) -> float:
    """Median over people of a joint's coordinate less another's, at rest or where they turn."""
    found = []
    for one in drawn([exercise], COUNT, 3):
        body = np.asarray(one.execution.body)
        knee = joint_angles_deg(body)[:, tuple(ANGLES).index("left_knee")]
        elbow = joint_angles_deg(body)[:, tuple(ANGLES).index("left_elbow")]
        angle = knee if exercise == "squat" else elbow
        instant = angle.argmin() if deep else angle.argmax()
        found.append(body[instant, JOINT[joint], axis] - body[instant, JOINT[less], axis])
    return float(np.median(found))


def test_bodies_are_turned_and_bent_the_right_way() -> None:
    x, y, z = range(3)
    for exercise in POSTURES:
        left = middle(exercise, "left_shoulder", x, less="right_shoulder", deep=False)
        assert left > 0.4, "x is the left"
    assert middle("squat", "left_knee", z, deep=True) > 0.4, "knees go forward"
    assert middle("squat", "left_knee", z, less="left_ankle", deep=True) > 0
    assert middle("squat", "neck", z, deep=True) > 0.2, "so does the trunk"
    assert middle("bench_press", "neck", z, deep=False) < -0.7, "on the back, head away"
    assert middle("bench_press", "left_wrist", y, deep=False) > 0.5, "arms up"
    assert middle("push_up", "neck", z, deep=True) > 0.7, "head ahead"
    assert middle("push_up", "left_ankle", z, deep=True) < -1.0, "feet behind"
    assert middle("push_up", "left_wrist", y, less="left_shoulder", deep=False) < -0.9
    assert middle("pull_up", "left_wrist", y, less="left_shoulder", deep=False) > 0.9
    for one in drawn(["jump_jack"], COUNT, 3):
        nose = np.asarray(one.execution.flat)[0, JOINT["nose"], 1]
        assert nose < -0.9, "y of a picture goes down"


@pytest.mark.parametrize("exercise", ["pull_up", "bench_press"])
def test_hands_stay_where_they_hold_the_bar(exercise: str) -> None:
    slides = []
    for body in bodies(exercise):
        apart = body[:, JOINT["left_wrist"], 0] - body[:, JOINT["right_wrist"], 0]
        slides.append(np.ptp(apart) / 2)
    assert np.median(slides) < 0.15


def test_who_is_drawn_does_not_depend_on_what_else_is() -> None:
    alone = drawn(["squat"], 2, 0)
    among = [one for one in drawn(["pull_up", "squat"], 2, 0) if one.exercise == "squat"]
    for one, other in zip(alone, among, strict=True):
        assert np.array_equal(one.execution.body, other.execution.body)


def test_a_seed_draws_the_same_people_again_and_another_one_others() -> None:
    one, same, other = (drawn(["squat"], 2, seed)[1].execution.body for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_cameras_stand_all_around() -> None:
    shoulders = [JOINT["left_shoulder"], JOINT["right_shoulder"]]
    flats = [np.asarray(one.execution.flat) for one in drawn(["squat"], COUNT, 0)]
    widths = [np.ptp(flat[0, shoulders, 0]) for flat in flats]
    assert min(widths) < 0.15
    assert max(widths) > 0.5


def test_what_cannot_be_drawn_is_told() -> None:
    assert drawn(["juggling"], 0, 0) == []
    assert {one.exercise for one in drawn(["juggling", "squat"], 1, 0)} == {"squat"}
    with pytest.raises(ValueError, match=r"nothing can be drawn of juggling; .*leave --drawn out"):
        drawn(["juggling"], 1, 0)


def squats_and_curls() -> list[Labelled]:
    """Of six people, squats whole and half; nobody judged the curls."""
    return [
        Labelled(f"p{person}", False, name, correct, perform(pose, noise=0.01, seed=person))
        for person in range(6)
        for name, correct, pose in (
            ("squat", True, squat()),
            ("squat", False, squat(45)),
            ("curl", None, curl()),
        )
    ]


def test_drawn_ones_do_not_pass_for_correct_where_others_are_judged() -> None:
    judged = Material([*squats_and_curls(), *drawn(["squat"], 4, 0)])
    every = np.arange(len(judged.items))
    assert not judged.drawn[judged.shown(every)].any()
    unjudged = Material([replace(item, correct=None) for item in judged.items])
    assert np.array_equal(unjudged.shown(every), every)


def test_the_unknown_is_measured_to_people_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        replace(item, correct=None, subject=f"{item.subject} {item.exercise}")
        for item in squats_and_curls()
    ]
    material = Material([*items, *drawn(["squat"], 4, 0)])
    remembered: list[int] = []

    def spy(*given: np.ndarray) -> np.ndarray:
        remembered.append(len(given[2]))
        return distances(*given)

    monkeypatch.setattr(unknown, "distances", spy)
    monkeypatch.setattr(unknown, "recipe_for", lambda _: Recipe(epochs=1, batch=8))
    found = unknown.unknown(material, np.arange(len(items)) % 4)
    assert found.keys() == {"curl", "squat"}
    squats = np.flatnonzero(material.exercise == material.names.index("squat"))
    unknown.unlikeness(material, material.names.index("curl"), squats, squats[:2])
    assert remembered[-1] == len(squats) - 4


def test_drawn_ones_have_no_depth_where_the_data_have_none() -> None:
    flat = [replace(i, execution=without_depth(i.execution)) for i in squats_and_curls()]
    (one,) = as_deep_as(flat, drawn(["squat"], 1, 0))
    assert np.isnan(one.execution.body).all()
    (one,) = as_deep_as(squats_and_curls(), drawn(["squat"], 1, 0))
    assert np.isfinite(one.execution.body).all()


def test_the_command_says_what_is_drawn_and_of_what(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for lift in LIFTS:
        (tmp_path / lift).mkdir()
        for number, kind in enumerate(("good", "bad", "good", "bad")):
            points = rng.uniform(100, 300, (1, 18, 3)) + rng.normal(0, 9, (40, 18, 3))
            np.save(tmp_path / lift / f"{lift}_{kind}_{number}.npy", points)
    asked = [str(tmp_path), "--method", "linear", "--json", "--drawn"]
    done = CliRunner().invoke(scoring, [*asked, "3"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["methods"]
    assert row["protocol"] == "by subject, with 3 drawn of front_raise"
    done = CliRunner().invoke(scoring, [str(tmp_path), "--model", "exercises", "--drawn", "3"])
    assert done.exit_code == 2
    assert "add a --method" in done.output
