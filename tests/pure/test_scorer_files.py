"""Scorer files: what is read is what was written, and anything else is a clear error."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from executions import curl, perform, squat
from safetensors.numpy import load, save

from repscore.models.scorer.files import (
    References,
    read_references,
    references_of,
    write_references,
)
from repscore.models.scorer.model import Rules, ScorerModel, read_model, scorer_bytes
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.shipped import located
from repscore.pipelines import learn
from repscore.pipelines.learn import read_file
from repscore.pipelines.options import NoScorer


@pytest.fixture(scope="module")
def references() -> References:
    squats = [[perform(squat(98)), perform(squat(101))], [perform(squat(105))]]
    return references_of({"squat": squats, "biceps curl": [[perform(curl())]]})


@pytest.fixture(scope="module")
def content(references) -> bytes:
    file = io.BytesIO()
    write_references(references, file)
    return file.getvalue()


def card_of(content: bytes) -> dict:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["card"])


def with_card(content: bytes, card: dict) -> bytes:
    return save(load(content), {"card": json.dumps(card)})


def test_clips_and_exercises_keep_their_executions(references):
    assert references.names == ("squat", "biceps curl")
    assert references.exercise.tolist() == [0, 0, 0, 1]
    assert references.clip.tolist() == [0, 0, 1, 2]


def test_a_file_gives_back_the_same_scorer(references, content, tmp_path):
    path = tmp_path / "references.safetensors"
    path.write_bytes(content)
    read = read_references(path.read_bytes(), str(path))
    assert read.names == references.names
    assert read.version() == references.version()
    np.testing.assert_array_equal(read.phases.values, references.phases.values)
    executions = [perform(squat(60)), perform(curl(100, 130))]
    before, after = ReferenceScorer(references), ReferenceScorer(read)
    assert before.version == after.version
    assert before.score(executions) == after.score(executions)


def test_the_card_says_what_the_file_is(references, content):
    card = card_of(content)
    assert card["exercises"] == ["squat", "biceps curl"]
    assert card["version"] == references.version()


def test_the_same_references_are_the_same_bytes(references, content):
    again = io.BytesIO()
    write_references(references, again)
    assert again.getvalue() == content


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_part_of_a_file_is_an_error(content, keep):
    with pytest.raises(ValueError, match=r"references.safetensors is not a readable scorer file"):
        read_references(content[:keep], "references.safetensors")


def test_a_changed_value_is_found(content):
    damaged = bytearray(content)
    damaged[-1] ^= 1
    with pytest.raises(ValueError, match="references is damaged"):
        read_references(bytes(damaged), "references")


def test_text_and_pickles_are_errors():
    for foreign in (b"hello, this is no scorer at all", b"\x80\x04\x95" + b"x" * 40):
        with pytest.raises(ValueError, match="not a readable scorer file"):
            read_references(foreign, "references")


def test_tensors_of_somebody_else_are_an_error():
    foreign = save({"weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"tensors of unknown kind, expected repscore-references"):
        read_references(foreign, "references")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, "format version 99, this program reads 1"),
        ({"exercises": ["squat"]}, "damaged"),
        ({"exercises": None}, "damaged"),
        ({"exercises": [["squat"], ["curl"]]}, "damaged"),
        ({"version": "0" * 12}, "its card says version 000000000000"),
    ],
)
def test_a_card_that_does_not_fit_is_an_error(content, change, message):
    with pytest.raises(ValueError, match=message):
        read_references(with_card(content, card_of(content) | change), "references")


def test_a_card_that_is_no_json_is_an_error(content):
    for card in ("{", "[]"):
        with pytest.raises(ValueError, match="of unknown kind"):
            read_references(save(load(content), {"card": card}), "references")


def test_missing_and_misshapen_tensors_are_errors(content):
    tensors = load(content)
    for changed in (
        {name: tensor for name, tensor in tensors.items() if name != "mask"},
        tensors | {"values": tensors["values"][:, :10]},
    ):
        with pytest.raises(ValueError, match="references is damaged"):
            read_references(save(changed, {"card": json.dumps(card_of(content))}), "references")


def test_an_exercise_without_executions_is_refused():
    with pytest.raises(ValueError, match=r"show no repetition of curl; expected at least one"):
        references_of({"squat": [[perform(squat())]], "curl": [[]]})
    with pytest.raises(ValueError, match="show no repetition of any exercise"):
        references_of({})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("exercise", lambda array: array.astype(np.float64)),
        ("mask", lambda array: array.astype(np.float32)),
        ("values", lambda array: array * np.nan),
        ("log_duration", lambda array: array + np.inf),
    ],
)
def test_references_of_other_numbers_are_an_error(content, name, change):
    tensors = load(content)
    changed = save(tensors | {name: change(tensors[name])}, {"card": json.dumps(card_of(content))})
    with pytest.raises(ValueError, match=r"references is damaged .*finite numbers"):
        read_references(changed, "references")


@pytest.fixture(scope="module")
def model() -> ScorerModel:
    path = str(located("rehabilitation"))
    return read_model(Path(path).read_bytes(), path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"weights": {**m.weights, "embed.bias": np.zeros(3, np.float32)}}, "embed.bias"),
        (lambda m: {"weights": {**m.weights, "more": np.zeros(3, np.float32)}}, "more"),
        (lambda m: {"weights": dict(list(m.weights.items())[1:])}, "found None"),
        (lambda m: {"weights": {n: a * np.nan for n, a in m.weights.items()}}, "finite numbers"),
        (lambda m: {"weights": {n: a.astype(int) for n, a in m.weights.items()}}, "finite numbers"),
        (lambda m: {"embeddings": m.embeddings[:, :5]}, "embeddings of 64 numbers"),
        (lambda m: {"embeddings": m.embeddings[:0]}, "embeddings of 64 numbers"),
        (lambda m: {"embedding_exercise": m.embedding_exercise + 50}, "embeddings of 9 exercises"),
        (lambda m: {"exemplars": replace(m.exemplars, names=tuple("abcdefghi"))}, "exemplars"),
        (lambda m: _built(m, width=10**12), "overflowed"),
        (lambda m: _built(m, width=1 << 20), "of shape"),
        (lambda m: _built(m, width=7), "divisible"),
        (lambda m: _built(m, width="wide"), "'str'"),
        (lambda m: _built(m, embedding=0), "width"),
        (lambda m: _built(m, dropout=7.0), "dropout"),
    ],
)
def test_a_scorer_of_another_shape_is_refused_though_its_hash_is_right(
    change: Callable[[ScorerModel], dict], words: str, model: ScorerModel, tmp_path: Path
) -> None:
    """Whoever makes the file makes its hash too; nothing of that size is allocated."""
    path = tmp_path / "strange.safetensors"
    path.write_bytes(scorer_bytes(replace(model, **change(model))))
    with pytest.raises(NoScorer, match=rf"strange.safetensors is damaged .*{words}") as refused:
        read_file(str(path))
    assert len(str(refused.value).splitlines()) == 1


def _built(model: ScorerModel, **config: object) -> dict:
    rules = model.rules
    return {"rules": replace(rules, config=replace(rules.config, **config))}


@pytest.mark.parametrize(
    "change",
    [
        {"exercises": []},
        {"exercises": [1, 2]},
        {"mirrored": [0] * 9},
        {"mirrored": [99] * 9},
        {"judged": ["dance"]},
        {"sensor": "ear"},
        {"unknown_distance": float("nan")},
        {"unknown_distance": "far"},
        {"likeness": {"threshold": 0.0, "scale": 0.0}},
        {"correct": {"threshold": float("inf"), "scale": 1.0}},
        {"likeness": {"depth": 1}},
        {"config": {"shape": 3}},
        {"config": []},
        {"views": ["front"]},
    ],
)
def test_rules_that_make_no_sense_are_refused(change: dict, model: ScorerModel) -> None:
    content = scorer_bytes(model)
    card = card_of(content)
    card["rules"] = card["rules"] | change
    with pytest.raises(ValueError, match="strange is damaged"):
        read_model(with_card(content, card), "strange")
    assert Rules.from_json(card_of(content)["rules"]) == model.rules


def test_headers_without_end_and_cards_without_bottom_are_refused(content, tmp_path):
    header = (1 << 60).to_bytes(8, "little") + content[8:]
    deep = save(load(content), {"card": "[" * 200_000})
    large = (1 << 25).to_bytes(8, "little") + b"[" * (1 << 25)
    for number, strange in enumerate((header, deep, large)):
        path = tmp_path / f"strange{number}"
        path.write_bytes(strange)
        with pytest.raises(NoScorer, match=f"strange{number} (is not a readable|holds tensors of)"):
            read_file(str(path))


def test_a_scorer_file_has_an_end(tmp_path, monkeypatch, content):
    (tmp_path / "large").write_bytes(content)
    monkeypatch.setattr(learn, "_MOST_BYTES", 100)
    with pytest.raises(NoScorer, match=r"large: expected at most 100 bytes, found \d"):
        read_file(str(tmp_path / "large"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NoScorer, match=r"pipe: expected a file"):
        read_file(str(tmp_path / "pipe"))
