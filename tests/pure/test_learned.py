"""A trained scorer: its file, its training, what it refuses, what a coach adds."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from executions import curl, lateral_raise, perform, squat, without, without_depth

from repscore.models.scorer.calibration import Border
from repscore.models.scorer.checkpoint import ForeignCheckpoint, Held, Keeper
from repscore.models.scorer.files import references_of
from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.model import (
    ScorerModel,
    read_model,
    read_scorer,
    scorer_bytes,
    with_references,
)
from repscore.models.scorer.network import (
    NONE,
    Judgement,
    Recipe,
    ScorerNetwork,
    Targets,
    Trainee,
    train,
)
from repscore.models.scorer.shipped import FOLDER, SHIPPED, located
from repscore.pipelines.cli import cli
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.lifts import LIFTS
from repscore.pipelines.evaluate.methods import Material
from repscore.pipelines.evaluate.scoring import by_scorer, cross_validate
from repscore.pipelines.rescore import moved
from repscore.pipelines.side_by_side import Tell
from repscore.pipelines.train import run
from repscore.pipelines.train.drawn import drawn, others_than
from repscore.pipelines.train.examples import Examples, NoExamples, read_all, read_examples
from repscore.pipelines.train.exercises import POSTURES
from repscore.pipelines.train.learning import Fitting, Rows, Tuning, folds_of, learn_scorer
from repscore.pipelines.train.learning import Material as Lessons
from repscore.pipelines.train.run import together

TUNING = Tuning(
    0, Recipe(width=16, embedding=16, epochs=10, batch=32, dropout=0.1, shrunk=0.0), folds=3
)


def examples() -> Examples:
    """Nine people who squat, well and half, seen from the front, and curl, seen from the back."""
    items, views = [], []
    for person in range(9):
        leg = 0.7 + 0.02 * person
        for seed in range(2):
            noise = {"noise": 0.01, "seed": 10 * person + seed}
            items += [
                Labelled(f"p{person}", False, "squat", True, perform(squat(leg=leg), **noise)),
                Labelled(f"p{person}", False, "squat", False, perform(squat(45, leg=leg), **noise)),
                Labelled(f"p{person}", False, "curl", None, perform(curl(), **noise)),
            ]
            views += ["front", "front", "back"]
    return Examples(items, views, "body", "figures", "own")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ScorerModel:
    return learn_scorer(examples(), TUNING, tmp_path_factory.mktemp("train"), lambda *_: None)


def test_evaluation_asks_a_scorer_about_people_it_has_not_seen(model: ScorerModel) -> None:
    people = [
        Labelled("q", False, name, correct, perform(pose, noise=0.01, seed=90 + seed))
        for name, correct, pose in (
            ("squat", True, squat(leg=0.9)),
            ("squat", False, squat(45, leg=0.9)),
            ("lunge", None, curl()),
        )
        for seed in range(3)
    ]
    material = Material(people)
    found = by_scorer(model, material)
    squats = material.exercise == material.names.index("squat")
    assert (found.exercise[squats].argmax(axis=1) == material.names.index("squat")).all()
    assert (found.exercise[~squats].argmax(axis=1) == len(material.names)).all(), "none of these"
    truth = material.correct
    assert found.correct[truth == 1].min() > found.correct[truth == 0].max()


@pytest.fixture(scope="module")
def scorer(model: ScorerModel) -> LearnedScorer:
    """The border of the unknown is set wide: how far is far is not what is tested here."""
    return LearnedScorer(replace(model, rules=replace(model.rules, unknown=2.0)))


def test_what_is_judged_and_what_is_not_is_known(model: ScorerModel) -> None:
    assert model.rules.exercises == ("curl", "squat")
    assert model.rules.judged == ("squat",)
    assert model.exemplars is not None
    assert model.exemplars.names == ("squat",)
    assert {"correct_against_incorrect_auc", "exercise_right"} <= model.about["figures"].keys()


def test_a_deep_squat_scores_more_than_half_a_one_and_has_bounds(scorer: LearnedScorer) -> None:
    deep, half = scorer.score([perform(squat()), perform(squat(45))], [None, None])
    assert deep.score is not None
    assert half.score is not None
    assert deep.score > half.score
    assert deep.score_low is not None
    assert deep.score_high is not None
    assert deep.score_low <= deep.score <= deep.score_high
    assert (deep.score_kind, deep.exercise) == ("learned", "squat")
    assert "knee" in half.findings[0].message


def test_what_nobody_judged_has_no_bounds_and_no_remarks(scorer: LearnedScorer) -> None:
    (verdict,) = scorer.score([perform(curl())], [None])
    assert verdict.exercise == "curl"
    assert (verdict.score_low, verdict.score_high, verdict.findings) == (None, None, ())


def test_a_batch_says_the_same_as_one_by_one(scorer: LearnedScorer) -> None:
    every = [perform(squat(40 + 3 * i), noise=0.01, seed=i) for i in range(12)]
    batch = scorer.score(every, [None] * 12)
    for execution, verdict in zip(every, batch, strict=True):
        (alone,) = scorer.score([execution], [None])
        assert alone.score == pytest.approx(verdict.score, abs=1e-3)


@pytest.mark.parametrize(
    ("execution", "view", "reason"),
    [
        (perform(squat(), duration_s=0.1), "front", "broken repetition: 3 frames"),
        (without_depth(perform(squat())), "front", "no depth"),
        (perform(squat()), "back", "unfit view: seen from the back"),
        (
            without(perform(squat()), *(f"{side}_{joint}" for side in ("left", "right")
                    for joint in ("hip", "knee", "ankle", "wrist"))),
            "front",
            "too little visible: 47 % of the joints seen",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_says_why(scorer, execution, view, reason) -> None:
    (verdict,) = scorer.score([execution], [view])
    assert verdict.score is None
    assert verdict.unscorable_reason.startswith(reason)


def test_a_view_is_fit_for_an_exercise_that_was_learned_from_it(scorer: LearnedScorer) -> None:
    (curled,) = scorer.score([perform(curl())], ["back"])
    assert curled.score is not None
    (squatted,) = scorer.score([perform(squat())], ["back"])
    assert squatted.unscorable_reason == (
        "unfit view: seen from the back, the scorer learned squat from front"
    )


@pytest.mark.parametrize(("people", "learned"), [(1, ("back",)), (2, ("back", "side"))])
def test_a_view_is_learned_from_more_than_one_person(tmp_path, people, learned) -> None:
    every = examples()
    views = [
        "side"
        if item.exercise == "curl" and item.subject in {f"p{i}" for i in range(people)}
        else view
        for item, view in zip(every.items, every.views, strict=True)
    ]
    tuning = replace(TUNING, recipe=replace(TUNING.recipe, epochs=1))
    model = learn_scorer(replace(every, views=views), tuning, tmp_path, lambda *_: None)
    assert model.rules.views == {"curl": learned, "squat": ("front",)}


def test_another_exercise_is_unknown(model: ScorerModel) -> None:
    strict = replace(model, rules=replace(model.rules, unknown=1e-4))
    (verdict,) = LearnedScorer(strict).score([perform(lateral_raise())], [None])
    assert verdict.exercise is None
    assert verdict.unscorable_reason.startswith("unknown exercise: nearest is ")


def test_a_coach_adds_an_exercise_and_the_file_keeps_all(model: ScorerModel) -> None:
    raises = [perform(lateral_raise(), noise=0.01, seed=i) for i in range(3)]
    more = with_references(model, references_of({"lateral raise": [raises]}))
    read = read_scorer(scorer_bytes(more), "file")
    assert read.names == ("curl", "squat", "lateral raise")
    assert read.version() == more.version() != model.version()
    (verdict,) = LearnedScorer(read).score([perform(lateral_raise())], [None])
    assert (verdict.exercise, verdict.score_kind) == ("lateral raise", "reference")
    again = with_references(more, references_of({"lateral raise": [raises[:1]]}))
    assert again.names == more.names


def test_a_file_gives_back_the_same_scores(model: ScorerModel) -> None:
    read = read_model(scorer_bytes(model), "file")
    assert scorer_bytes(read) == scorer_bytes(model)
    for one, other in zip(
        *(LearnedScorer(m).score([perform(squat())], [None]) for m in (model, read)), strict=True
    ):
        assert (one.score, one.exercise) == (other.score, other.exercise)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_part_of_a_file_is_an_error(model: ScorerModel, keep: int) -> None:
    with pytest.raises(ValueError, match="broken\\.safetensors"):
        read_scorer(scorer_bytes(model)[:keep], "broken.safetensors")


def test_a_changed_weight_is_found(model: ScorerModel) -> None:
    content = bytearray(scorer_bytes(model))
    content[-5] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        read_model(bytes(content), "file")


@pytest.mark.parametrize(("patience", "epochs", "kept"), [(2, 5, 2), (None, 6, 5)])
def test_patience_ends_a_training_with_its_best_epoch(tmp_path, patience, epochs, kept) -> None:
    material = Material(examples().items)
    losses = iter([0.9, 0.5, 0.3, 0.4, 0.6, 0.2])
    seen: list[dict[str, torch.Tensor]] = []
    told: list[tuple[int, float]] = []

    def loss(_: ScorerNetwork) -> float:
        return next(losses)

    class Spy(Keeper):
        def after(self, epoch: int, trainee: Trainee) -> bool:
            state = trainee.model.state_dict()
            seen.append({name: each.clone() for name, each in state.items()})
            return super().after(epoch, trainee)

    held = None if patience is None else Held(loss, patience)
    watch = Spy(held, tmp_path / "checkpoint", "stamp", lambda *each: told.append(each))
    targets = Targets(material.exercise, material.correct)
    recipe = replace(TUNING.recipe, epochs=6)
    train(material.phases, targets, material.mirrored, recipe, 0, watch)
    assert len(seen) == epochs
    assert watch.best_epoch == kept
    assert all(torch.equal(watch.best[name], each) for name, each in seen[kept].items())
    if patience is not None:
        assert told == list(enumerate([0.9, 0.5, 0.3, 0.4, 0.6]))
    else:
        assert told[5][1] < told[0][1], "of what it learns from"


@pytest.mark.parametrize(("patience", "of_final", "of_fold"), [(None, 9, 6), (3, 6, 3)])
def test_only_who_is_asked_or_stopped_on_is_not_learned_from(
    tmp_path, monkeypatch, patience, of_final, of_fold
) -> None:
    learned: dict[str, int] = {}
    network = Fitting.network

    def spy(self: Fitting, name: str, known: Rows, held: Rows, tell: Tell) -> ScorerNetwork:
        people, stopped_on = (set(self.material.subject[rows]) for rows in (known, held))
        assert not people & stopped_on
        assert len(stopped_on) == (0 if patience is None else 3)
        learned[name] = len(people)
        return network(self, name, known, held, tell)

    monkeypatch.setattr(Fitting, "network", spy)
    tuning = replace(TUNING, recipe=replace(TUNING.recipe, epochs=1), patience=patience)
    learn_scorer(examples(), tuning, tmp_path, lambda *_: None)
    assert learned == {"final": of_final, **{f"fold-{number}": of_fold for number in range(3)}}


@pytest.mark.parametrize("patience", [None, 3])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    tmp_path: Path, patience: int | None
) -> None:
    tuning = replace(TUNING, patience=patience)

    class Interrupted(Exception): ...

    def interrupt(name: str, epoch: int, _: float) -> None:
        if (name, epoch) == ("fold-1", 2):
            raise Interrupted

    told: list[tuple[str, int]] = []
    whole = learn_scorer(examples(), tuning, tmp_path / "whole", lambda *_: None)
    with pytest.raises(Interrupted):
        learn_scorer(examples(), tuning, tmp_path / "parts", interrupt)
    resumed = learn_scorer(
        examples(), tuning, tmp_path / "parts", lambda name, epoch, *_: told.append((name, epoch))
    )
    assert told[0] == ("fold-1", 3)
    assert resumed.version() == whole.version()
    other = replace(tuning, seed=1)
    with pytest.raises(ForeignCheckpoint, match="other options"):
        learn_scorer(examples(), other, tmp_path / "parts", lambda *_: None)
    next((tmp_path / "parts").glob("fold-0*")).write_bytes(b"nothing of ours")
    with pytest.raises(ForeignCheckpoint, match="no checkpoint of repscore"):
        learn_scorer(examples(), tuning, tmp_path / "parts", lambda *_: None)


def test_nobody_is_on_both_sides_of_a_fold() -> None:
    group = np.array([f"p{i % 7}" for i in range(70)])
    fold = folds_of(group, np.arange(70) % 2, TUNING)
    for one in np.unique(group):
        assert len(set(fold[group == one].tolist())) == 1
    assert set(fold.tolist()) == {0, 1, 2}


def test_too_few_people_and_other_sensors_are_refused(tmp_path: Path) -> None:
    few = examples()
    few = replace(few, items=[one for one in few.items if one.subject in ("p0", "p1")])
    with pytest.raises(NoExamples, match="2 people or videos; expected 3"):
        learn_scorer(few, TUNING, tmp_path, lambda *_: None)
    with pytest.raises(NoExamples, match="different sensors"):
        together([examples(), replace(examples(), sensor="picture")])


def test_the_command_trains_with_so_many_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spy(*_: object) -> None:
        raise ForeignCheckpoint(f"{_[-1]} workers")

    monkeypatch.setattr(run, "read_all", lambda *_: [examples()])
    monkeypatch.setattr(run, "learn_scorer", spy)
    asked = ["train", str(tmp_path), "-o", str(tmp_path / "m.safetensors")]
    told = [CliRunner().invoke(cli, [*asked, *more]).output
            for more in (["--workers", "5"], [])]  # fmt: skip
    assert told == ["Error: 5 workers\n", f"Error: {len(os.sched_getaffinity(0))} workers\n"]


def test_a_folder_in_which_nobody_is_seen_is_told(tmp_path: Path) -> None:
    for lift in LIFTS:
        (tmp_path / lift).mkdir()
    np.save(tmp_path / "bicep" / "bicep_good_1.npy", np.zeros((40, 18, 3)))
    with pytest.raises(NoExamples, match=r"in which somebody is seen .*, found none"):
        read_all([tmp_path], None)


def test_a_foreign_folder_and_labels_without_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoExamples, match="expected skeletons"):
        read_examples(tmp_path, None)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,score\na,1\n")
    with pytest.raises(NoExamples, match="video_uri, repetition, exercise"):
        read_examples(tmp_path, labels)
    with pytest.raises(NoExamples, match="leave the labels out"):
        read_all([tmp_path], labels)
    done = CliRunner().invoke(cli, ["train", str(tmp_path), "-o", str(tmp_path / "m.safetensors")])
    assert done.exit_code != 0
    assert "expected skeletons.npz" in done.output


def test_fifty_is_the_border() -> None:
    score, low, high = Border(at=1.0, width=0.5, down=1.0, up=0.5).scores(np.array([1.0, 9.0]))
    assert score[0] == 50
    assert low[0] < 50 < high[0]
    assert score[1] > 99


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scorers_are_small_and_their_cards_belong_to_them(name: str) -> None:
    path = Path(located(name) or "")
    assert path.parent == FOLDER
    content = path.read_bytes()
    assert len(content) < 1_000_000
    model = read_model(content, name)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card == json.loads(json.dumps(model.card()))
    assert card["about"]["not_for"]
    assert card["about"]["command"].startswith("repscore train ")
    assert card["about"]["licence"]


def test_what_moved_is_counted() -> None:
    def row(start_s: float, exercise: str | None, score: float | None) -> dict[str, object]:
        return {
            "video_id": "v", "video_uri": "u", "person": 0, "repetition": int(start_s),
            "start_s": start_s, "exercise": exercise, "score": score,
            "scorable": score is not None,
        }  # fmt: skip

    before = [row(0, "squat", 80.0), row(1, "squat", 60.0), row(2, None, None)]
    after = [row(0, "squat", 80.2), row(1, "curl", 50.0), row(2, "squat", 70.0), row(3, None, None)]
    found = moved(before, after)
    assert found["compared"] == 3
    assert found["appeared"] == 1
    assert (found["score"], found["exercise"]) == (1, 2)
    assert (found["now_scorable"], found["no_longer_scorable"]) == (1, 0)
    assert found["largest"] == [{"video_uri": "u", "repetition": 1, "before": 60.0, "after": 50.0}]


def test_drawn_people_are_learned_from_and_nobody_asks_them(tmp_path) -> None:
    data = examples()
    tuning = replace(TUNING, recipe=replace(TUNING.recipe, epochs=1), drawn=5)
    material = Lessons(data, tuning)
    known = np.arange(10)
    sequences, targets = material.lessons(known)
    assert len(sequences) == len(targets.exercise) == 15
    assert np.array_equal(sequences.joints[:10], material.sequences.joints[known])
    assert (targets.exercise[10:] == material.names.index("squat")).all()
    assert np.isnan(targets.correct[10:]).all()

    model = learn_scorer(data, tuning, tmp_path, lambda *_: None)
    assert model.about["figures"]["repetitions"] == len(data.items)
    assert "5 drawn executions each of squat" in model.about["protocol"]
    places = len(model.place_exercise)
    plain = learn_scorer(data, replace(tuning, drawn=0), tmp_path / "plain", lambda *_: None)
    assert places == len(plain.place_exercise), "remembered are people of the data"
    assert "drawn" not in plain.about["protocol"]
    assert model.version() != plain.version()


def test_what_is_none_of_the_exercises_is_learned_as_that(tmp_path) -> None:
    data = examples()
    tuning = replace(TUNING, recipe=replace(TUNING.recipe, epochs=1), drawn=1, drawn_others=2)
    material = Lessons(data, tuning)
    sequences, targets = material.lessons(np.arange(10))
    names = others_than(material.names)
    count = 2 * len(names)
    assert len(sequences) == len(targets.exercise) == len(targets.correct)
    assert (targets.exercise[-count:] == NONE).all()
    assert (targets.exercise[:-count] != NONE).all()

    model = learn_scorer(data, tuning, tmp_path, lambda *_: None)
    assert model.rules.exercises == material.names
    told = model.about["protocol"]
    assert "to name none of 2 drawn executions each of" in told
    assert all(name in told for name in names)
    model = learn_scorer(data, replace(tuning, drawn=0), tmp_path / "others", lambda *_: None)
    assert "; all learned to name none of 2 drawn" in model.about["protocol"]


def test_other_drawn_people_are_another_training(tmp_path, monkeypatch) -> None:
    """Whoever changes how a squat is drawn does not take up the checkpoints of before."""
    tuning = replace(TUNING, drawn=1)

    def stamp() -> str:
        fitting = Fitting(Lessons(examples(), tuning), tuning, tmp_path)
        return fitting._stamp("final", np.arange(3))

    before = stamp()
    assert stamp() == before
    monkeypatch.setitem(POSTURES, "squat", POSTURES["front_raise"])
    assert stamp() != before
    stamps = set()
    for count in (0, 1, 2):
        tuning = replace(TUNING, drawn=count)
        stamps.add(stamp())
    assert len(stamps) == 3
    tuning = replace(TUNING, drawn_others=1)
    before = stamp()
    monkeypatch.setitem(POSTURES, "dip", POSTURES["lunge"])
    assert stamp() != before


def test_evaluation_learns_from_drawn_people_in_each_fold_and_judges_the_others() -> None:
    data = examples().items
    lessons = Material([*data, *drawn(["squat"], 3, 0)])
    folds = np.arange(len(data)) % 2
    extra = set(range(len(data), len(data) + 3))
    asked_for: list[int] = []

    def method(material: Material, known: Rows, asked: Rows) -> Judgement:
        assert extra <= set(known.tolist())
        assert not extra & set(asked.tolist())
        asked_for.extend(asked.tolist())
        return Judgement(np.ones((len(asked), 2)), np.zeros(len(asked)))

    ((_, found),) = cross_validate(lessons, [folds], method)
    assert sorted(asked_for) == list(range(len(data)))
    assert found.exercise.shape == (len(data), 2)
