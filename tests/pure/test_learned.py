"""A trained scorer: scores and reasons for none, its file, what reference clips add."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from executions import curl, lateral_raise, perform, squat, without, without_depth
from training_data import CONFIG, examples, in_turn, silent

from repscore.models.scorer.calibration import Calibration
from repscore.models.scorer.examples import Example, TrainingSet
from repscore.models.scorer.files import references_of
from repscore.models.scorer.learned import LearnedScorer, distances
from repscore.models.scorer.model import (
    ScorerModel,
    read_model,
    read_scorer,
    scorer_bytes,
    with_references,
)
from repscore.models.scorer.shipped import FOLDER, SHIPPED, located
from repscore.models.scorer.training import train_scorer
from repscore.pipelines.evaluate.scoring import predict_all
from repscore.pipelines.score_changes import score_changes

pytestmark = pytest.mark.slow  # trains scorers


@pytest.fixture(scope="module")
def model() -> ScorerModel:
    return train_scorer(TrainingSet(examples()), CONFIG, None, in_turn, silent)


def test_a_scorer_is_evaluated_on_people_it_has_not_seen(model: ScorerModel) -> None:
    data = TrainingSet(
        [
            Example("q", name, correct, perform(pose, noise=0.01, seed=90 + seed))
            for name, correct, pose in (
                ("squat", True, squat(leg=0.9)),
                ("squat", False, squat(45, leg=0.9)),
                ("lunge", None, curl()),
            )
            for seed in range(3)
        ]
    )
    predictions = predict_all(model, data)
    squats = data.exercise == data.names.index("squat")
    likeliest = predictions.named.argmax(axis=1)
    assert (likeliest[squats] == data.names.index("squat")).all()
    assert (likeliest[~squats] == len(data.names)).all(), "none of these"
    assert (
        predictions.correct[data.correct == 1].min() > predictions.correct[data.correct == 0].max()
    )


@pytest.fixture(scope="module")
def scorer(model: ScorerModel) -> LearnedScorer:
    """Nothing is unknown: another test covers that distance."""
    return LearnedScorer(replace(model, rules=replace(model.rules, unknown_distance=2.0)))


def test_what_is_judged_and_what_is_not_is_known(model: ScorerModel) -> None:
    assert model.rules.exercises == ("curl", "squat")
    assert model.rules.judged == ("squat",)
    assert model.exemplars is not None
    assert model.exemplars.names == ("squat",)
    assert {"auc", "exercise_right"} <= model.about["figures"].keys()


def test_a_deep_squat_scores_more_than_half_a_one_and_has_bounds(scorer: LearnedScorer) -> None:
    deep, half = scorer.score([perform(squat()), perform(squat(45))])
    assert deep.score is not None
    assert half.score is not None
    assert deep.score > half.score
    assert deep.score_low is not None
    assert deep.score_high is not None
    assert deep.score_low <= deep.score <= deep.score_high
    assert (deep.score_kind, deep.exercise) == ("learned", "squat")
    assert "knee" in half.remarks[0].message


def test_what_nobody_judged_has_no_bounds_and_no_remarks(scorer: LearnedScorer) -> None:
    (result,) = scorer.score([perform(curl())])
    assert result.exercise == "curl"
    assert (result.score_low, result.score_high, result.remarks) == (None, None, ())


def test_a_batch_says_the_same_as_one_by_one(scorer: LearnedScorer) -> None:
    every = [perform(squat(40 + 3 * i), noise=0.01, seed=i) for i in range(12)]
    batch = scorer.score(every)
    for execution, result in zip(every, batch, strict=True):
        (alone,) = scorer.score([execution])
        assert alone.score == pytest.approx(result.score, abs=1e-3)


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
    (result,) = scorer.score([replace(execution, view=view)])
    assert result.score is None
    assert result.unscorable_reason.startswith(reason)


def test_a_view_is_fit_for_an_exercise_that_was_learned_from_it(scorer: LearnedScorer) -> None:
    (curled,) = scorer.score([replace(perform(curl()), view="back")])
    assert curled.score is not None
    (squatted,) = scorer.score([replace(perform(squat()), view="back")])
    assert squatted.unscorable_reason == (
        "unfit view: seen from the back, the scorer learned squat from front"
    )


def test_another_exercise_is_unknown(model: ScorerModel) -> None:
    strict = replace(model, rules=replace(model.rules, unknown_distance=1e-4))
    (result,) = LearnedScorer(strict).score([perform(lateral_raise())])
    assert result.exercise is None
    assert result.unscorable_reason.startswith("unknown exercise: nearest is ")


def test_reference_clips_add_an_exercise_and_the_file_keeps_all(model: ScorerModel) -> None:
    raises = [perform(lateral_raise(), noise=0.01, seed=i) for i in range(3)]
    more = with_references(model, references_of({"lateral raise": [raises]}))
    read = read_scorer(scorer_bytes(more), "file")
    assert read.names == ("curl", "squat", "lateral raise")
    assert read.version() == more.version() != model.version()
    (result,) = LearnedScorer(read).score([perform(lateral_raise())])
    assert (result.exercise, result.score_kind) == ("lateral raise", "reference")
    again = with_references(more, references_of({"lateral raise": [raises[:1]]}))
    assert again.names == more.names


def test_a_file_gives_back_the_same_scores(model: ScorerModel) -> None:
    read = read_model(scorer_bytes(model), "file")
    assert scorer_bytes(read) == scorer_bytes(model)
    for one, other in zip(
        *(LearnedScorer(m).score([perform(squat())]) for m in (model, read)), strict=True
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


def test_fifty_is_the_threshold() -> None:
    score, low, high = Calibration(1.0, 0.5, 1.0, 0.5).scores(np.array([1.0, 9.0]))
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
    assert card["about"]["command"].startswith(("repscore train ", "python -m research.train_"))
    assert card["about"]["licence"]


def test_what_moved_is_counted() -> None:
    def row(start_s: float, exercise: str | None, score: float | None) -> dict[str, object]:
        return {
            "video_id": "v", "video_uri": "u", "person": 0, "repetition": int(start_s),
            "start_s": start_s, "end_s": start_s + 1, "exercise": exercise, "score": score,
            "scorable": score is not None,
        }  # fmt: skip

    before = [row(0, "squat", 80.0), row(1, "squat", 60.0), row(2, None, None)]
    after = [row(0, "squat", 80.2), row(1, "curl", 50.0), row(2, "squat", 70.0), row(3, None, None)]
    found = score_changes(before, after)
    assert found["compared"] == 3
    assert found["appeared"] == 1
    assert (found["score"], found["exercise"]) == (1, 2)
    assert (found["now_scorable"], found["no_longer_scorable"]) == (1, 0)
    assert found["largest"] == [{"video_uri": "u", "repetition": 1, "before": 60.0, "after": 50.0}]


def test_a_distance_does_not_depend_on_the_rows_beside_it() -> None:
    """To the last bit: rows are grouped by batches that differ from run to run."""
    rng = np.random.default_rng(0)
    rows, learned = (rng.normal(size=(count, 64)).astype(np.float32) for count in (40, 30))
    exercise, learned_exercise = np.zeros(40, np.int64), np.zeros(30, np.int64)
    all_rows = distances(rows, exercise, learned, learned_exercise)
    alone = [distances(rows[[n]], exercise[[n]], learned, learned_exercise) for n in range(40)]
    assert np.array_equal(all_rows, np.concatenate(alone))
