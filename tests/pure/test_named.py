"""Sets are named by their repetitions together, and judged by norms, likeness or consistency."""

from dataclasses import replace

import numpy as np
import pytest
from athletes import executions
from executions import perform, squat

from repscore.models.scorer.files import references_of
from repscore.models.scorer.model import read_model, scorer_bytes, version_of
from repscore.models.scorer.named import NormScorer, chain
from repscore.models.scorer.norms.files import with_norms
from repscore.models.scorer.norms.norm import Norms, read_norms
from repscore.models.scorer.shipped import DEFAULT_FILE
from repscore.pipelines.demo.athlete import Motion, Tempo
from repscore.pipelines.demo.figure import Body
from repscore.pipelines.demo.scene import Camera


@pytest.fixture(scope="module")
def model():
    with open(DEFAULT_FILE, "rb") as file:  # noqa: PTH123
        content, version = with_norms(file.read(), DEFAULT_FILE, Norms(read_norms()))
    model = read_model(content, "the scorer")
    assert version_of(model) == version
    assert scorer_bytes(model) == content
    return model


@pytest.fixture(scope="module")
def scorer(model):
    return NormScorer(model)


def repetitions(exercise, count=4, seed=1):
    tempo = Tempo(out_s=1.0, hold_s=0.2, back_s=1.0, rest_s=0.4)
    motion = Motion(exercise, count, Body(), tempo, lead_s=1.0, seed=seed)
    return executions(motion, Camera(azimuth_deg=20), 15.0)


def rows_of(names, sure=0.98):
    """Probabilities of repetitions that are each surely one of two exercises."""
    return np.array([[sure, 1 - sure] if name == "a" else [1 - sure, sure] for name in names])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("aaaaa", "aaaaa"),
        ("aabaa", "aaaaa"),  # an odd one takes the name of its set
        ("aaaab", "aaaaa"),
        ("b", "b"),
        ("aaaabbbb", "aaaabbbb"),  # another exercise without a rest
        ("aaabbbaaa", "aaabbbaaa"),
    ],
)
def test_an_odd_repetition_takes_the_name_of_its_set(names, expected):
    found = chain(rows_of(names, 0.9999))
    assert "".join("ab"[number] for number in found) == expected


def test_squats_are_named_and_judged_by_their_norm(scorer):
    found = repetitions("squat")
    scores = scorer.score(found, [[0, 1, 2, 3]])
    assert {each.exercise for each in scores} == {"squat"}
    assert {each.score_kind for each in scores} == {"norm"}
    assert all(each.score > 80 for each in scores)
    assert all(0.5 < each.exercise_confidence <= 1 for each in scores)


def test_an_unknown_set_is_scored_by_its_consistency(scorer):
    """Shoulder presses of arms that do nothing known: too far from every learned exercise."""
    found = repetitions("biceps_curl")
    scores = scorer.score(found, [[0, 1, 2, 3]])
    assert {each.exercise for each in scores} == {None}
    assert {each.score_kind for each in scores} == {"consistency"}
    assert all(each.score is not None for each in scores)
    (alone,) = scorer.score(found[:1], [[0]])
    assert alone.unscorable_reason.startswith("unknown exercise: nearest is ")
    assert "a set of 1 repetitions" in alone.unscorable_reason


def test_sets_do_not_mix_and_their_order_does_not_matter(scorer):
    squats, curls = repetitions("squat", 3), repetitions("biceps_curl", 3)
    apart = [*scorer.score(squats, [[0, 1, 2]]), *scorer.score(curls, [[0, 1, 2]])]
    together = scorer.score([*squats, *curls], [[3, 4, 5], [0, 1, 2]])
    assert [each.exercise for each in together] == ["squat"] * 3 + [None] * 3
    assert [each.score for each in together] == pytest.approx([each.score for each in apart])


def test_an_exercise_that_the_user_names_is_judged_without_recognition(model):
    scorer = NormScorer(replace(model, norms=Norms(read_norms(), "biceps_curl")))
    scores = scorer.score(repetitions("biceps_curl"), [[0, 1, 2, 3]])
    assert {(each.exercise, each.score_kind) for each in scores} == {("biceps_curl", "norm")}
    assert all(each.exercise_confidence is None for each in scores)


def test_reference_clips_count_before_the_norm(model):
    found = repetitions("squat")
    both = replace(model, references=references_of({"my squat": [found]}))
    scores = NormScorer(both).score(found, [[0, 1, 2, 3]])
    assert {(each.exercise, each.score_kind) for each in scores} == {("my squat", "reference")}


def test_an_exercise_without_a_norm_is_scored_by_its_likeness(model):
    norms = {name: norm for name, norm in read_norms().items() if name != "squat"}
    scores = NormScorer(replace(model, norms=Norms(norms))).score(
        repetitions("squat"), [[0, 1, 2, 3]]
    )
    assert {(each.exercise, each.score_kind) for each in scores} == {("squat", "learned")}


def test_other_norms_are_another_version(model):
    other = replace(model, norms=Norms({"squat": read_norms()["squat"]}))
    plain = replace(model, norms=None)
    assert len({version_of(each) for each in (model, other, plain)}) == 3
    assert version_of(plain).startswith("learned-")
    with pytest.raises(ValueError, match="without"):
        NormScorer(plain)


def test_nothing_is_no_score(scorer):
    assert scorer.score([], []) == []


def test_a_broken_repetition_has_no_score_and_does_not_name_its_set(scorer):
    squats = repetitions("squat", 3)
    short = perform(squat(), duration_s=0.1)
    scores = scorer.score([*squats, short], [[0, 1, 2, 3]])
    assert [each.exercise for each in scores[:3]] == ["squat"] * 3
    assert "broken repetition" in scores[3].unscorable_reason
