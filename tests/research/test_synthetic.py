"""Drawn executions: each looks like its exercise, whatever its form."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from executions import curl, perform, squat, without_depth

from repscore.models.scorer.learned import distances
from repscore.models.scorer.network import NONE, Recipe
from repscore.models.skeleton import ANGLES, JOINT, JOINTS, joint_angles_deg
from repscore.pipelines.cli import scoring
from repscore.pipelines.evaluate import methods, unknown
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.lifts import LIFTS
from repscore.pipelines.evaluate.methods import METHODS, Material
from repscore.pipelines.evaluate.scoring import as_deep_as
from repscore.pipelines.train import drawn as draw_module
from repscore.pipelines.train.drawn import drawn, others, others_than
from repscore.pipelines.train.exercises import POSTURES
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


@pytest.mark.parametrize("exercise", sorted({*POSTURES} - {"standing_about"}))
def test_every_execution_is_a_body_that_moves_and_comes_back(exercise: str) -> None:
    for one in drawn([exercise], COUNT, 1):
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
    monkeypatch.setattr(draw_module, "_guessed", lambda body, _: body)  # depth is guessed after
    for body in bodies(exercise):
        for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"),
                           ("elbow", "wrist")):  # fmt: skip
            for side in ("left", "right"):
                bone = body[:, JOINT[f"{side}_{end}"]] - body[:, JOINT[f"{side}_{start}"]]
                assert np.ptp(np.linalg.norm(bone, axis=1)) < 0.35


def exactly(exercise: str, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Bodies before any camera or estimator: no tilt, no noise, no guessed depth."""
    monkeypatch.setattr(draw_module, "_tilted", lambda body, _: body)
    monkeypatch.setattr(draw_module, "_guessed", lambda body, _: body)
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


def test_others_are_what_the_data_do_not_name() -> None:
    squat, jack = "squat", "jumping_jack"
    rest = others_than([squat, jack, "juggling"])
    assert not {squat, jack, "jump_jack"} & {*rest}, "another name is no other exercise"
    assert {POSTURES[name] for name in rest} | {POSTURES[squat], POSTURES[jack]} == {
        *POSTURES.values()
    }
    people = others([squat, jack], 2, 0)
    assert len(people) == 2 * len(rest)
    assert all(one.exercise is None and one.drawn and one.correct is None for one in people)
    assert others([squat], 0, 0) == []


def test_what_cannot_be_drawn_is_told() -> None:
    assert drawn(["juggling"], 0, 0) == []
    assert {one.exercise for one in drawn(["juggling", "squat"], 1, 0)} == {"squat"}
    with pytest.raises(ValueError, match=r"nothing can be drawn of juggling; .*leave --drawn out"):
        drawn(["juggling"], 1, 0)


def squats_and_curls(people: int = 6) -> list[Labelled]:
    """Of some people, squats whole and half; nobody judged the curls."""
    return [
        Labelled(f"p{person}", False, name, correct, perform(pose, noise=0.01, seed=person))
        for person in range(people)
        for name, correct, pose in (
            ("squat", True, squat()),
            ("squat", False, squat(45)),
            ("curl", None, curl()),
        )
    ]


def videos(people: int) -> list[Labelled]:
    """The same, judged by nobody, of one exercise each."""
    return [
        replace(item, correct=None, subject=f"{item.subject} {item.exercise}")
        for item in squats_and_curls(people)
    ]


def test_drawn_ones_do_not_pass_for_correct_where_others_are_judged() -> None:
    judged = Material([*squats_and_curls(), *drawn(["squat"], 4, 0)])
    every = np.arange(len(judged.items))
    assert not judged.drawn[judged.shown(every)].any()
    unjudged = Material([replace(item, correct=None) for item in judged.items])
    assert np.array_equal(unjudged.shown(every), every)


def test_the_unknown_is_measured_to_people_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    items = videos(6)
    material = Material([*items, *drawn(["squat"], 4, 0), *others(["squat", "biceps_curl"], 1, 0)])
    remembered: list[int] = []

    def spy(*given: np.ndarray) -> np.ndarray:
        remembered.append(len(given[2]))
        return distances(*given)

    monkeypatch.setattr(unknown, "distances", spy)
    monkeypatch.setattr(unknown, "recipe_for", lambda _: Recipe(epochs=1, batch=8))
    found = unknown.unknown(material, [np.arange(len(items)) % 4])
    assert found.keys() == {"curl", "squat"}
    squats = np.flatnonzero(material.exercise == material.names.index("squat"))
    none = np.flatnonzero(material.exercise == NONE)
    assert len(none) > 4
    known = np.concatenate([squats, none])
    unknown.unlikeness(material, material.names.index("curl"), known, squats[:2])
    assert remembered[-1] == len(squats) - 4


def test_the_unknown_is_the_mean_over_the_times_that_folds_are_dealt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def chance(_: Material, __: int, known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return np.random.default_rng(known).random(len(asked))

    monkeypatch.setattr(unknown, "unlikeness", chance)
    material = Material(videos(8))
    person = np.arange(len(material.items)) // 3
    dealt = [person % 4, person // 2]
    first, second = (unknown.unknown(material, [folds]) for folds in dealt)
    assert first != second
    for name, both in unknown.unknown(material, dealt).items():
        assert both == pytest.approx(np.mean([first[name], second[name]], axis=0))


@pytest.mark.parametrize("method", [name for name in METHODS if not name.startswith("network")])
@pytest.mark.parametrize("judged", [True, False])
def test_what_is_no_exercise_of_the_data_tells_networks_alone_something(
    method: str, *, judged: bool
) -> None:
    items = squats_and_curls(12)
    if not judged:
        items = [replace(item, correct=None) for item in items]
    plain = Material(items)
    fuller = Material([*items, *others(["squat", "biceps_curl"], 1, 0)])
    asked = np.arange(4)
    one = METHODS[method](plain, np.arange(4, len(plain.items)), asked)
    other = METHODS[method](fuller, np.arange(4, len(fuller.items)), asked)
    assert np.array_equal(one.exercise, other.exercise)
    assert np.array_equal(one.correct, other.correct, equal_nan=True)


@pytest.mark.parametrize("lengths", ["phases", "warping"])
def test_networks_are_less_sure_of_what_they_learned_to_be_none(
    lengths: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "recipe_for", lambda _: Recipe(epochs=12, batch=8, rate=1e-2))
    people = [replace(item, correct=None) for item in squats_and_curls()]
    more = others(["squat", "biceps_curl"], 4, 0)
    strangers = others(["squat", "biceps_curl"], 1, 1)
    plain, fuller = Material([*people, *strangers]), Material([*people, *more, *strangers])

    def sureness(material: Material) -> float:
        rows = np.arange(len(material.items))
        cut = len(rows) - len(strangers)
        said = METHODS[f"network-{lengths}"](material, rows[:cut], rows[cut:])
        return float(said.exercise.max(axis=1).mean())

    assert sureness(fuller) < 0.6 < sureness(plain)


def test_drawn_ones_have_no_depth_where_the_data_have_none() -> None:
    flat = [replace(i, execution=without_depth(i.execution)) for i in squats_and_curls()]
    (one,) = as_deep_as(flat, drawn(["squat"], 1, 0))
    assert np.isnan(one.execution.body).all()
    (one,) = as_deep_as(squats_and_curls(), drawn(["squat"], 1, 0))
    assert np.isfinite(one.execution.body).all()


def test_the_command_says_what_is_drawn_and_of_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for lift in LIFTS:
        (tmp_path / lift).mkdir()
        for number, kind in enumerate(("good", "bad", "good", "bad")):
            points = rng.uniform(100, 300, (1, 18, 3)) + rng.normal(0, 9, (40, 18, 3))
            np.save(tmp_path / lift / f"{lift}_{kind}_{number}.npy", points)
    monkeypatch.setattr(methods, "recipe_for", lambda _: Recipe(epochs=1, batch=64))
    count = len({*POSTURES.values()}) - 3
    for method, flags, words in (
        ("linear", ["--drawn", "3"], "3 drawn of biceps_curl, front_raise, shoulder_press"),
        (
            "network-phases",
            ["--drawn-others", "2"],
            f"2 drawn of each of {count} others for networks",
        ),
    ):
        asked = [str(tmp_path), "--method", method, "--workers", "1", "--json"]
        done = CliRunner().invoke(scoring, [*asked, *flags])
        assert done.exit_code == 0, done.output
        (row,) = json.loads(done.stdout)["methods"]
        assert row["protocol"] == f"by subject, with {words}"
        done = CliRunner().invoke(scoring, [str(tmp_path), "--model", "exercises", *flags])
        assert done.exit_code == 2
        assert f"{flags[0]} is learned from" in done.output
        assert "add a --method" in done.output
    asked = [str(tmp_path), "--method", "linear", "--drawn-others", "2"]
    done = CliRunner().invoke(scoring, asked)
    assert done.exit_code == 2
    assert "--drawn-others is for networks" in done.output
