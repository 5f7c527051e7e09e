"""Synthetic executions: each looks like its exercise, whatever its form."""

import numpy as np
import pytest

from repscore.models.skeleton import ANGLES, JOINT, JOINTS, joint_angles_deg
from repscore.transforms.repetitions.clean import RATE_HZ
from research.synthetic import executions as synthetic_module
from research.synthetic.executions import others_than, outliers, synthetic_executions
from research.synthetic.exercises import POSTURES

COUNT = 40


def bodies(exercise: str) -> list[np.ndarray]:
    return [np.asarray(one.execution.body) for one in synthetic_executions([exercise], COUNT, 3)]


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


@pytest.mark.parametrize("exercise", sorted({*POSTURES} - {"standing_about"}))
def test_every_execution_is_a_body_that_moves_and_comes_back(exercise: str) -> None:
    for one in synthetic_executions([exercise], COUNT, 1):
        body, flat = np.asarray(one.execution.body), np.asarray(one.execution.flat)
        assert body.shape[1:] == (len(JOINTS), 3)
        assert flat.shape == (*body.shape[:2], 2)
        assert np.isfinite(body).all()
        assert np.isfinite(flat).all()
        moved = np.linalg.norm(body - body[0], axis=-1).max(axis=1)
        assert moved.max() > (0.2 if exercise in ("push_up", "glute_bridge") else 0.3)
        assert moved[-1] < 0.7 * moved.max()
        if exercise != "mountain_climber":  # whose thigh swings through all of the guessed depth
            thigh = np.linalg.norm(body[:, JOINT["left_knee"]] - body[:, JOINT["left_hip"]], axis=1)
            assert np.ptp(thigh) < 0.5, "a bone keeps its length but for a guessed depth and noise"
        torso = np.linalg.norm(body[:, JOINT["neck"]], axis=1)
        assert np.median(torso) == pytest.approx(1, abs=0.01)
        turn = round(one.execution.turn_s * RATE_HZ)
        if exercise != "glute_bridge":  # moves least of all: noise decides where it turns
            assert moved[turn] > 0.7 * moved.max()


@pytest.mark.parametrize("exercise", POSTURES)
def test_bones_keep_their_lengths_but_for_noise(
    exercise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        synthetic_module, "_guessed", lambda body, _: body
    )  # depth is guessed after
    for body in bodies(exercise):
        for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"),
                           ("elbow", "wrist")):  # fmt: skip
            for side in ("left", "right"):
                bone = body[:, JOINT[f"{side}_{end}"]] - body[:, JOINT[f"{side}_{start}"]]
                assert np.ptp(np.linalg.norm(bone, axis=1)) < 0.35


def exactly(exercise: str, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Bodies before any camera or estimator: no tilt, no noise, no guessed depth."""
    monkeypatch.setattr(synthetic_module, "_tilted", lambda body, _: body)
    monkeypatch.setattr(synthetic_module, "_guessed", lambda body, _: body)
    return bodies(exercise)


def test_feet_stay_on_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    y = 1
    for body in exactly("glute_bridge", monkeypatch):
        feet = body[:, JOINT["left_ankle"], y] - body[:, JOINT["neck"], y]
        assert np.ptp(feet) < 0.35, "of usual proportions they would not move at all"
        moved = np.linalg.norm(body - body[0], axis=-1).max(axis=1)
        assert moved.max() > 0.2
        assert moved[-1] < 0.3 * moved.max()
    for body in exactly("leg_raise", monkeypatch):
        assert body[:, [JOINT["left_ankle"], JOINT["right_ankle"]], y].min() > -0.25
    for body in exactly("lunge", monkeypatch):
        feet = body[:, [JOINT["left_ankle"], JOINT["right_ankle"]], y]
        assert np.ptp(feet, axis=1).max() < 0.45, "the one behind stands on its toes"
        knees = body[:, [JOINT["left_knee"], JOINT["right_knee"]], y]
        assert (feet - knees).max() < 0.25, "no foot far above its knee"


@pytest.mark.parametrize("exercise", ["deadlift", "kettlebell_swing", "bent_over_row"])
def test_who_bends_at_the_hips_does_not_fall_over(
    exercise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = []
    for body in exactly(exercise, monkeypatch):
        lowest = body[:, JOINT["neck"], 1].argmin()
        ahead.append(body[lowest, JOINT["left_ankle"], 2])
        if exercise != "bent_over_row":
            assert trunk(body).max() > 0.95, "stands up straight"
    assert np.median(ahead) > 0.2, "the hips go back behind the feet"


def test_who_stands_about_moves_little_and_is_upright() -> None:
    for body in bodies("standing_about"):
        assert trunk(body).min() > 0.7
        assert moved_deg(body, "knee") < 30


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
        knee = joint_angles_deg(body)[:, tuple(ANGLES).index("left_knee")].mean()
        assert abs(trunk(body)).max() < (0.75 if knee > 150 else 0.85), "on the knees less flat"
        assert hands_above_shoulders(body).max() < 0, "on the hands"
    for body in bodies("bench_press"):
        assert hands_above_shoulders(body).max() > 0.4, "lies below the bar"
        assert moved_deg(body, "elbow") > 30
    for body in bodies("sit_up"):
        assert np.ptp(trunk(body)) > 0.4
    for body in bodies("biceps_curl"):
        assert moved_deg(body, "elbow") > 40
        assert hands_above_shoulders(body).min() < -0.3, "from hanging"
    for body in bodies("shoulder_press"):
        assert moved_deg(body, "shoulder") > 30
        assert np.max([body[:, JOINT[f"{side}_wrist"], 1] for side in ("left", "right")]) > 1.4
    for body in bodies("lateral_raise"):
        wrists = [np.abs(body[:, JOINT[f"{side}_wrist"], 0]) for side in ("left", "right")]
        assert np.max(wrists) > 0.8, "to the side"
    for body in bodies("triceps_extension"):
        assert moved_deg(body, "elbow") > 40
        assert np.max([body[:, JOINT[f"{side}_elbow"], 1] for side in ("left", "right")]) > 1.2
    for body in bodies("chest_fly"):
        apart = np.linalg.norm(body[:, JOINT["left_elbow"]] - body[:, JOINT["right_elbow"]], axis=1)
        assert np.ptp(apart) > 0.3
    for body in bodies("dip"):
        assert moved_deg(body, "elbow") > 30
        assert hands_above_shoulders(body).max() < 0
    for body in bodies("bent_over_row"):
        assert moved_deg(body, "elbow") > 30
        assert np.ptp(trunk(body)) < 0.5
    for exercise in ("deadlift", "kettlebell_swing"):
        assert min(moved_deg(body, "hip") for body in bodies(exercise)) > 25
        upright = sorted(trunk(body).max() for body in bodies(exercise))
        assert upright[0 if exercise == "kettlebell_swing" else 1] > 0.85
        assert upright[0] > 0.7, "one before a camera that is held askew"
    for exercise in ("lunge", "knee_raise"):
        for body in bodies(exercise):
            assert moved_deg(body, "knee") > 30
            assert trunk(body).min() > 0.6
    for body in bodies("leg_raise"):
        assert abs(trunk(body)).max() < 0.6
        assert moved_deg(body, "hip") > 25
    for body in bodies("glute_bridge"):
        assert trunk(body).min() < 0.1, "the hips above the shoulders"
        assert moved_deg(body, "hip") > 15
    for exercise in ("mountain_climber", "bird_dog"):
        for body in bodies(exercise):
            assert moved_deg(body, "hip") > 30
            assert trunk(body).max() < 0.75
            assert hands_above_shoulders(body).min() < -0.6, "on the hands"
    for body in bodies("mountain_climber"):
        assert hands_above_shoulders(body).max() < -0.4, "on the hands"


def middle(exercise: str, joint: str, axis: int, *, less: str = "mid_hip", deep: bool) -> float:
    """Median over people of a joint's coordinate less another's, at rest or where they turn."""
    found = []
    for one in synthetic_executions([exercise], COUNT, 3):
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
    for one in synthetic_executions(["jump_jack"], COUNT, 3):
        nose = np.asarray(one.execution.flat)[0, JOINT["nose"], 1]
        assert nose < -0.9, "y of a picture goes down"


@pytest.mark.parametrize("exercise", ["pull_up", "bench_press"])
def test_hands_stay_where_they_hold_the_bar(exercise: str) -> None:
    slides = []
    for body in bodies(exercise):
        apart = body[:, JOINT["left_wrist"], 0] - body[:, JOINT["right_wrist"], 0]
        slides.append(np.ptp(apart) / 2)
    assert np.median(slides) < 0.15


def test_a_synthetic_person_does_not_depend_on_the_others() -> None:
    alone = synthetic_executions(["squat"], 2, 0)
    among = [
        one for one in synthetic_executions(["pull_up", "squat"], 2, 0) if one.exercise == "squat"
    ]
    for one, other in zip(alone, among, strict=True):
        assert np.array_equal(one.execution.body, other.execution.body)


def test_the_seed_decides_the_people() -> None:
    one, same, other = (
        synthetic_executions(["squat"], 2, seed)[1].execution.body for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_cameras_stand_all_around() -> None:
    shoulders = [JOINT["left_shoulder"], JOINT["right_shoulder"]]
    flats = [np.asarray(one.execution.flat) for one in synthetic_executions(["squat"], COUNT, 0)]
    widths = [np.ptp(flat[0, shoulders, 0]) for flat in flats]
    assert min(widths) < 0.15
    assert max(widths) > 0.5


def test_outliers_are_what_the_data_do_not_name() -> None:
    squat, jack = "squat", "jumping_jack"
    rest = others_than([squat, jack, "juggling"])
    assert not {squat, jack, "jump_jack"} & {*rest}, "another name is no other exercise"
    assert {POSTURES[name] for name in rest} | {POSTURES[squat], POSTURES[jack]} == {
        *POSTURES.values()
    }
    people = outliers([squat, jack], 2, 0)
    assert len(people) == 2 * len(rest)
    assert all(one.exercise is None and one.correct is None for one in people)
    assert outliers([squat], 0, 0) == []


def test_what_cannot_be_synthesised_is_said() -> None:
    assert synthetic_executions(["juggling"], 0, 0) == []
    assert {one.exercise for one in synthetic_executions(["juggling", "squat"], 1, 0)} == {"squat"}
    with pytest.raises(
        ValueError, match=r"which can be synthesised; found juggling: leave --synthetic out"
    ):
        synthetic_executions(["juggling"], 1, 0)
