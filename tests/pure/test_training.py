"""Training a scorer: who is learned from, how it is continued, what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_data import CONFIG, examples, in_turn, quick, silent

from repscore.models.scorer.checkpoint import DamagedCheckpoint
from repscore.models.scorer.evaluation import Report
from repscore.models.scorer.examples import Example, NoExamples, Rows, TrainingSet
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.network import ScorerNetwork, Targets
from repscore.models.scorer.training import NetworkMethod, TrainingConfig, evened, train_scorer
from repscore.pipelines.train import TrainOptions, command_of

pytestmark = pytest.mark.slow  # trains scorers


def trained(
    data: TrainingSet, config: TrainingConfig, folder: Path | None, report: Report = silent
) -> ScorerModel:
    return train_scorer(data, config, folder, in_turn, report)


@pytest.mark.parametrize(("people", "views"), [(1, ("back",)), (2, ("back", "side"))])
def test_a_view_is_learned_from_more_than_one_person(people: int, views: tuple[str, ...]) -> None:
    data = [
        replace(each, execution=replace(each.execution, view="side"))
        if each.exercise == "curl" and each.subject in {f"p{i}" for i in range(people)}
        else each
        for each in examples()
    ]
    model = trained(TrainingSet(data), quick(), None)
    assert model.rules.views == {"curl": views, "squat": ("front",)}


def test_held_out_subjects_are_not_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[set[str]] = []
    fit = NetworkMethod.fit

    def spy(self: NetworkMethod, data: TrainingSet, known: Rows, report: Report) -> ScorerNetwork:
        learned.append(set(data.subject[known]))
        return fit(self, data, known, report)

    monkeypatch.setattr(NetworkMethod, "fit", spy)
    trained(TrainingSet(examples()), quick(), None)
    *folds, everybody = learned
    assert len(everybody) == 9
    assert [len(people) for people in folds] == [6, 6, 6]
    assert set.intersection(*folds) == set()


def test_an_interrupted_training_continues_to_the_same_weights(tmp_path: Path) -> None:
    class Interrupted(Exception): ...

    def interrupt(text: str) -> None:
        if text.startswith("fold 2 of 3: epoch 10"):
            raise Interrupted

    data = TrainingSet(examples())
    config = quick(epochs=12)
    whole = trained(data, config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(data, config, tmp_path / "parts", interrupt)
    reports: list[str] = []
    resumed = trained(data, config, tmp_path / "parts", reports.append)
    assert reports[:2] == ["fold 1 of 3: evaluated", reports[1]]
    assert reports[1].startswith("fold 2 of 3: epoch 12 of 12"), "ten epochs are kept"
    assert resumed.version() == whole.version()
    checkpoints = set((tmp_path / "parts").iterdir())
    assert len(checkpoints) == 4
    trained(data, replace(config, seed=1), tmp_path / "parts")
    assert set((tmp_path / "parts").iterdir()) > checkpoints, "other options, other checkpoints"
    for file in checkpoints:
        file.write_bytes(b"nothing of ours")
    with pytest.raises(DamagedCheckpoint, match="expected a checkpoint of repscore"):
        trained(data, config, tmp_path / "parts")


def test_too_few_subjects_are_refused() -> None:
    few = [each for each in examples() if each.subject in ("p0", "p1")]
    with pytest.raises(NoExamples, match="2 subjects; expected 3"):
        trained(TrainingSet(few), CONFIG, None)
    rare = [each for each in examples() if each.exercise != "curl" or each.subject in ("p0", "p1")]
    with pytest.raises(NoExamples, match="exercise curl is performed by 2 subjects"):
        trained(TrainingSet(rare), CONFIG, None)


def test_rare_exercises_count_about_as_much() -> None:
    exercise = np.array([0] * 40 + [1] * 10 + [2] * 20)
    rows = evened(exercise, np.arange(70))
    assert np.bincount(exercise[rows]).tolist() == [40, 20, 20]


def test_synthetic_executions_are_learned_from_and_never_evaluated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = examples()
    squats = [Example("synthetic", "squat", None, each.execution) for each in real[:5]]
    outliers = [Example("outlier", None, None, each.execution) for each in real[2:3]]
    learned: list[Targets] = []
    monkeypatch.setattr(
        "repscore.models.scorer.training.train",
        lambda sequences, targets, mirrored, recipe, *_: (
            learned.append(targets) or ScorerNetwork(len(mirrored), 1, recipe).eval()
        ),
    )
    model = trained(TrainingSet(real, [*squats, *outliers]), quick(), None)
    for targets in learned:
        assert (targets.exercise[-6:-1] == 1).all()
        assert targets.exercise[-1] == -1
        assert np.isnan(targets.correct[-6:]).all()
    assert len(learned[-1].exercise) == len(evened(TrainingSet(real).exercise, np.arange(54))) + 6
    assert model.about["figures"]["repetitions"] == len(real)
    assert "6 synthetic executions" in model.about["protocol"]
    assert model.rules.exercises == ("curl", "squat")


def test_what_is_none_of_the_exercises_is_learned_as_that() -> None:
    real = [
        replace(each, exercise=None) if each.exercise == "curl" else each for each in examples()
    ]
    model = trained(TrainingSet(real), quick(), None)
    assert model.rules.exercises == ("squat",)
    assert set(model.embedding_exercise.tolist()) == {0}


def test_the_command_of_the_card_trains_the_same_scorer() -> None:
    options = TrainOptions(("/data/mine",), Path("/out/m.safetensors"), not_for=("judging",))
    assert command_of(options) == (
        'repscore train mine --seed 0 --epochs 100 --folds 8 --not-for "judging" -o m.safetensors'
    )
    with pytest.raises(ValueError, match="expected one folder"):
        TrainOptions(("a", "b"), Path("m"), labels="labels.csv")
