"""Drawn executions: each looks like its exercise, whatever its form."""

import numpy as np
import pytest

from repscore.models.skeleton import ANGLES, JOINT, JOINTS, joint_angles_deg
from repscore.pipelines.train.drawn import POSTURES, drawn

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
        assert moved.max() > 0.2
        assert moved[-1] < 0.7 * moved.max()
        thigh = np.linalg.norm(body[:, JOINT["left_knee"]] - body[:, JOINT["left_hip"]], axis=1)
        assert np.ptp(thigh) < 0.5, "a bone keeps its length but for a guessed depth and noise"


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
        assert abs(trunk(body)).max() < 0.75, "lies"
        assert hands_above_shoulders(body).max() < 0, "on the hands"
    for body in bodies("bench_press"):
        assert hands_above_shoulders(body).max() > 0.4, "lies below the bar"
        assert moved_deg(body, "elbow") > 30
    for body in bodies("sit_up"):
        assert np.ptp(trunk(body)) > 0.4


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
