"""Scorer files: what is read is what was written, and anything else is a clear error."""

import io
import json

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
from repscore.models.scorer.reference import ReferenceScorer


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
