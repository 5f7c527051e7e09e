"""Norms: files, quantities of figures whose angles are known, monotone scores, remarks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from athletes import OBLIQUE, executions
from executions import curl, from_the_other_side, perform, squat, without, without_depth
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.scorer.norms.judge import judge, performs
from repscore.models.scorer.norms.norm import FOLDER, Norm, Norms, read_norms
from repscore.models.scorer.norms.quantities import Measured, Measurer
from repscore.models.scorer.words import languages, render, texts
from repscore.pipelines.demo.athlete import Motion, Tempo
from repscore.pipelines.demo.exercises import Faults
from repscore.pipelines.demo.figure import Body
from repscore.pipelines.demo.scene import Camera

NORMS = read_norms()
CLEAN = Faults()
TEMPO = Tempo(out_s=1.0, hold_s=0.2, back_s=1.0, rest_s=0.4)


def one(quantity, phase, execution, *, picture=False):
    return float(Measurer([execution]).measure(quantity, phase, picture).value[0])


def motion(exercise, faults=CLEAN, tempo=TEMPO, seed=3):
    return Motion(exercise, 2, Body(), tempo, faults, lead_s=1.0, seed=seed)


def scores(exercise, faults=CLEAN, camera=OBLIQUE, tempo=TEMPO, rate_hz=15.0):
    found = judge(NORMS[exercise], executions(motion_of(exercise, faults, tempo), camera, rate_hz))
    assert all(each.score is not None for each in found), found[0].unscorable_reason
    return [each.score for each in found]


def motion_of(exercise, faults, tempo):
    return motion("jumping_jack" if exercise == "jump_jack" else exercise, faults, tempo)


def test_angles_of_a_figure_are_measured():
    """Knees bend by 100 degrees from straight, the trunk leans by 35 along with them."""
    execution = perform(squat(100))
    assert one("knee", "least", execution) == pytest.approx(80, abs=1.5)
    assert one("knee", "most", execution) == pytest.approx(180, abs=1)
    assert one("knee", "range", execution) == pytest.approx(100, abs=2)
    assert one("trunk_lean", "most", execution) == pytest.approx(35, abs=1)
    assert one("duration", "mean", execution) == pytest.approx(2.0)
    assert one("knee_sides", "mean", execution) == pytest.approx(0, abs=0.5)
    assert one("knee_sides", "mean", perform(squat(100, left_deg=60))) == pytest.approx(40, abs=2)


def test_the_thigh_is_measured_by_heights_from_wherever_the_camera_looks():
    """From afar: nearer cameras look down on the knees."""
    for azimuth_deg in (0, 45, 90):
        found = executions(motion("squat"), Camera(azimuth_deg, 0.0, 20.0))
        assert one("thigh", "least", found[0], picture=True) == pytest.approx(
            one("thigh", "least", found[0]), abs=4
        )


def test_knees_inward_are_told_from_knees_outward():
    inward = executions(motion("squat", Faults(knees_inward=0.6)), Camera(azimuth_deg=0))[0]
    clean = executions(motion("squat"), Camera(azimuth_deg=0))[0]
    assert one("knee_inward", "most", inward, picture=True) > 3
    assert one("knee_inward", "most", clean, picture=True) < 1


def test_an_arm_that_rests_does_not_count():
    assert one("elbow", "least", perform(curl(130, 5))) == pytest.approx(40, abs=2)


@pytest.mark.parametrize(
    ("exercise", "faults", "key", "camera"),
    [
        ("squat", Faults(short_range=0.5), "squat_high", Camera(azimuth_deg=90)),
        ("squat", Faults(knees_inward=0.9), "knees_inward", Camera(azimuth_deg=15)),
        ("push_up", Faults(short_range=0.6), "push_up_high", Camera(azimuth_deg=90)),
        ("jump_jack", Faults(asymmetry=0.5), "left_arm_more", Camera(azimuth_deg=0)),
        ("biceps_curl", Faults(short_range=0.4), "elbows_not_bent", Camera(azimuth_deg=90)),
        ("biceps_curl", Faults(too_fast=0.6), "too_fast", Camera(azimuth_deg=90)),
        ("shoulder_press", Faults(short_range=0.5), "elbows_not_straight", Camera(azimuth_deg=0)),
    ],
)
def test_faults_of_an_athlete_are_named(exercise, faults, key, camera):
    for clean in judge(NORMS[exercise], executions(motion_of(exercise, Faults(), TEMPO), camera)):
        assert clean.remarks == ()
        assert clean.score > 85
    for faulty in judge(NORMS[exercise], executions(motion_of(exercise, faults, TEMPO), camera)):
        assert key in [remark.key for remark in faulty.remarks]
        assert len(faulty.remarks) <= 3
        assert faulty.score < 85


@pytest.mark.parametrize(
    ("exercise", "fault"),
    [
        *(("squat", "short_range"), ("squat", "knees_inward"), ("push_up", "short_range")),
        *(("jump_jack", "asymmetry"), ("biceps_curl", "short_range"), ("biceps_curl", "too_fast")),
    ],
)
def test_a_growing_fault_never_raises_the_score(exercise, fault):
    camera = Camera(azimuth_deg=90 if fault == "short_range" else 10)
    means = [
        np.mean(scores(exercise, Faults(**{fault: share}), camera))
        for share in (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
    ]
    assert np.diff(means).max() < 0.5, means
    assert means[-1] < means[0] - 20


class Given(Measurer):
    """Whatever is asked for, these values (R,) were measured."""

    def __init__(self, executions, values):
        super().__init__(executions)
        self.values = np.array(values)

    def from_views(self, of):
        return Measured(self.values, np.full(len(self.values), 0.5))


@given(st.floats(0, 40), st.floats(0, 40), st.sampled_from(sorted(NORMS)))
@settings(max_examples=50, deadline=None)
def test_a_larger_deviation_never_has_a_higher_score(one, other, exercise):
    """Every expectation by itself, on either side of its bounds, in tolerances."""
    pair = [perform(squat(100))] * 2
    for each in NORMS[exercise].expectations:
        norm = replace(NORMS[exercise], expectations=(each,))
        for bound, sign in ((each.high, 1), (each.low, -1)):
            if bound is not None:
                beyond = [sign * by * each.tolerance for by in sorted((one, other))]
                near, far = judge(norm, pair, Given(pair, bound + np.array(beyond)))
                assert far.score <= near.score <= 100
                assert far.score_low <= near.score_low
                assert far.score_high <= near.score_high


@pytest.mark.parametrize(
    "exercise", ["squat", "push_up", "jump_jack", "biceps_curl", "shoulder_press"]
)
def test_size_distance_mirror_and_frame_rate_do_not_matter(exercise):
    fault, camera = Faults(short_range=0.3), Camera(azimuth_deg=20)
    usual = np.mean(scores(exercise, fault, camera))
    far = np.mean(scores(exercise, fault, replace(camera, distance_m=8.0)))
    tall = judge(
        NORMS[exercise],
        executions(
            Motion(motion_of(exercise, fault, TEMPO).exercise, 2, Body(height_m=1.95), TEMPO, fault,
                   lead_s=1.0, seed=3), camera, 15.0
        ),
    )  # fmt: skip
    found = executions(motion_of(exercise, fault, TEMPO), camera, 15.0)
    other = judge(NORMS[exercise], [from_the_other_side(each) for each in found])
    assert far == pytest.approx(usual, abs=2)
    assert np.mean([each.score for each in tall]) == pytest.approx(usual, abs=2)
    assert np.mean([each.score for each in other]) == pytest.approx(usual, abs=2)
    assert np.mean(scores(exercise, fault, camera, rate_hz=30.0)) == pytest.approx(usual, abs=2)
    turned = np.mean(scores(exercise, fault, replace(camera, azimuth_deg=10.0)))
    assert turned == pytest.approx(usual, abs=5)


def test_what_a_view_does_not_show_does_not_count_and_is_said():
    execution = replace(perform(squat(60, inward_deg=20)), view="side")
    (found,) = judge(NORMS["squat"], [execution])
    assert "knee_inward, most" in found.unseen
    assert "knees_inward" not in [remark.key for remark in found.remarks]


def test_joints_that_are_barely_seen_carry_no_remark():
    execution = replace(perform(squat(40)), view="side")
    doubtful = replace(execution, visibility=np.full_like(execution.visibility, 0.4))
    (found,) = judge(NORMS["squat"], [doubtful])
    assert found.score is None
    assert found.unscorable_reason.startswith("too little visible: 10 % of what the norm of squat")
    legs = [f"{side}_{joint}" for side in ("right", "left") for joint in ("knee", "ankle")]
    (hidden,) = judge(NORMS["squat"], [without(execution, *legs)])
    assert hidden.remarks == ()


def test_a_source_without_depth_is_judged_in_the_picture():
    found = executions(motion("squat", Faults(short_range=0.5)), Camera(azimuth_deg=90))
    flat = [replace(without_depth(each), view="side") for each in found]
    for with_depth, without_it in zip(
        judge(NORMS["squat"], found), judge(NORMS["squat"], flat), strict=True
    ):
        assert without_it.score == pytest.approx(with_depth.score, abs=0.1)


def test_an_interval_holds_the_score_and_a_batch_says_the_same_as_each_alone():
    found = executions(motion("squat", Faults(short_range=0.3)), Camera(azimuth_deg=90))
    together = judge(NORMS["squat"], found)
    assert [judge(NORMS["squat"], [each])[0] for each in found] == together
    for each in together:
        assert each.score_low <= each.score <= each.score_high


def test_another_movement_is_none_of_the_exercise():
    knees = replace(perform(squat(100)), view="side")
    arms = replace(perform(curl()), view="side")
    assert performs(NORMS["squat"], Measurer([knees, arms])).tolist() == [True, False]


def test_a_remark_has_a_moment_and_every_language_says_it():
    execution = replace(perform(squat(50), start_s=10.0), view="side")
    (found,) = judge(NORMS["squat"], [execution])
    (remark,) = found.remarks
    assert remark.start_s == pytest.approx(11.0, abs=0.1)
    assert remark.message.endswith("(11.0 s)")
    assert remark.message.startswith("stops above parallel: thigh 65 degrees above the horizontal")
    german = remark.text("de")
    assert "Oberschenkel 65 Grad" in german
    assert german.endswith("(11,0 s)")


def test_all_languages_say_the_same_messages():
    english = texts("en")
    assert languages() == ("de", "en")
    for language in languages():
        assert texts(language).keys() == english.keys()
        for key, text in texts(language).items():
            assert placeholders(text) == placeholders(english[key]), (language, key)


def placeholders(text):
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def test_shipped_norms_say_texts_of_the_file_and_survive_a_card():
    for norm in NORMS.values():
        for each in norm.expectations:
            for key in filter(None, (each.below, each.above)):
                assert key in texts("en"), (norm.exercise, key)
    norms = Norms(NORMS, "squat")
    assert Norms.from_json(norms.to_json()) == norms


def test_a_text_of_a_user_is_said_as_it_is():
    assert render("knee {measured}, not {expected}", {"measured": "1.5", "expected": "2"}) == (
        "knee 1.5, not 2"
    )


SQUAT = """
[[criterion]]
quantity = "knee"
phase = "least"
views = ["side"]
high = 95
tolerance = 20
source = "me"
above = "knees {measured}, expected {expected}"
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("quantity", "color"), "unknown 'color'"),
        (('"knee"', '"elbo"'), "quantity 'elbo': expected one of knee"),
        (('"least"', '"lowest"'), "phase 'lowest'"),
        (('["side"]', '["above"]'), "views ('above',)"),
        (("high = 95", ""), "expected low, high or both"),
        (("high = 95", "low = 95"), "low and below belong together"),
        (("tolerance = 20", "tolerance = 0"), "tolerance 0"),
        (("tolerance = 20", ""), "knee: tolerance is missing"),
        (('"me"', '""'), "expected a source"),
        (("{measured}", "{angle}"), "expected {measured} and {expected}"),
        (("[[criterion]]", "[[rule]]"), "unknown 'rule'"),
        (("[[criterion]]", "[criterion]"), "expected [[criterion]] with two brackets"),
        (("high = 95", 'high = "95"'), "high is '95'"),
        (("high = 95", "high = "), "Invalid value"),
        (("source", "sources"), "unknown 'sources'"),
        ((SQUAT, ""), "expected at least one [[criterion]]"),
        ((SQUAT, SQUAT + SQUAT), "knee, least, side: stands there twice"),
    ],
)
def test_a_wrong_norm_is_refused_in_one_line(change, words, tmp_path: Path):
    (tmp_path / "squat.toml").write_text(SQUAT.replace(*change))
    with pytest.raises(ValueError, match=r"squat\.toml") as error:
        read_norms(tmp_path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_norms_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="found none"):
        read_norms(tmp_path)
    (tmp_path / "squat.toml").write_text(SQUAT)
    assert isinstance(read_norms(tmp_path)["squat"], Norm)
    assert len(list(FOLDER.glob("*.toml"))) == len(NORMS)
