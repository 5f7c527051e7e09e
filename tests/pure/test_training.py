"""Training a scorer: who is learned from, when it ends and goes on, what it refuses."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lessons import TUNING, examples

from repscore.models.scorer.checkpoint import ForeignCheckpoint, Held, Keeper
from repscore.models.scorer.network import (
    NONE,
    Judgement,
    ScorerNetwork,
    Targets,
    Trainee,
    train,
)
from repscore.pipelines.cli import cli
from repscore.pipelines.evaluate.lifts import LIFTS
from repscore.pipelines.evaluate.methods import Material
from repscore.pipelines.evaluate.scoring import cross_validate
from repscore.pipelines.train import run
from repscore.pipelines.train.drawn import drawn, others_than
from repscore.pipelines.train.examples import NoExamples, read_all, read_examples
from repscore.pipelines.train.exercises import POSTURES
from repscore.pipelines.train.learning import Fitting, folds_of, learn_scorer
from repscore.pipelines.train.material import Material as Lessons
from repscore.pipelines.train.material import Rows
from repscore.pipelines.train.run import together
from repscore.transforms.cluster import Report


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

    def spy(self: Fitting, name: str, known: Rows, held: Rows, tell: Report) -> ScorerNetwork:
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
