"""Whose repetitions are kept: people are points that swing around a place, seen for a while."""

from itertools import pairwise

import executions
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions.subject import (
    Presence,
    Rule,
    Subjects,
    choose,
    observe,
    of_the_kept,
)

RATE_HZ = 10.0


def seen(
    start_s: float, end_s: float, size_px: float = 100.0, swing_px: float = 0.0, clear: float = 0.9
) -> PoseFrames:
    """Fifteen joints on a vertical line `size_px` high; every other one swings sideways."""
    time_s = np.arange(start_s, end_s, 1 / RATE_HZ)
    image = np.zeros((len(time_s), 15, 3), np.float32)
    image[:, :, 1] = np.linspace(0, size_px, 15)
    image[:, ::2, 0] = (swing_px * (np.arange(len(time_s)) % 2))[:, None]
    shape = image.shape[:2]
    return PoseFrames(
        "canonical15", time_s, image, np.full_like(image, np.nan), np.full(shape, clear, np.float32)
    )


def repetition(person: int, start_s: float, confidence: float = 1.0) -> Repetition:
    return executions.repetition(start_s, start_s + 1, person, confidence=confidence)


def presence(*blocks: PoseFrames) -> Presence:
    found = Presence()
    for block in blocks:
        found = observe(found, block)
    return found


def test_sums_of_a_person_are_derived_by_hand() -> None:
    """Twenty frames; 8 of 15 joints move 10 px, the middle 16/3 px, in figures 100 px high."""
    found = presence(seen(0, 2, swing_px=10))
    assert (found.frames, found.first_s, found.last_s) == (20, 0.0, pytest.approx(1.9))
    assert found.visibility == pytest.approx(18.0)
    around = (8 * (10 - 16 / 3) + 7 * 16 / 3) / 15
    assert found.way == pytest.approx(19 * around / 100, rel=0.01)


@given(st.lists(st.integers(1, 39), max_size=4, unique=True).map(sorted))
def test_cuts_leave_no_trace(cuts: list[int]) -> None:
    whole = seen(0, 4, swing_px=10)
    ends = [0, *cuts, len(whole.time_s)]
    parts = [
        PoseFrames(
            whole.topology, whole.time_s[a:b], whole.image_px[a:b], whole.world_m[a:b],
            whole.visibility[a:b],
        )
        for a, b in pairwise(ends)
    ]  # fmt: skip
    found, expected = presence(*parts), presence(whole)
    assert (found.frames, found.last_s) == (expected.frames, expected.last_s)
    assert (found.way, found.size_px) == pytest.approx((expected.way, expected.size_px))


PEOPLE = {
    0: presence(seen(0, 60, size_px=300, swing_px=1)),  # the coach, near the camera
    1: presence(seen(2, 60, size_px=100, swing_px=10)),  # who exercises
    2: presence(seen(5, 60, size_px=50, swing_px=20, clear=1.0)),  # somebody restless behind
}
REPETITIONS = [repetition(1, 10), repetition(1, 12), repetition(2, 11, 0.4), repetition(0, 30, 0.3)]


@pytest.mark.parametrize(
    ("rule", "first"),
    [("exercising", 1), ("largest", 0), ("most-moving", 2), ("most-confident", 2), ("first", 0)],
)
def test_each_rule_has_its_first(rule: Rule, first: int) -> None:
    assert choose(PEOPLE, REPETITIONS, Subjects(1, rule)) == {first: 0}


def test_more_people_are_kept_in_the_order_of_the_rule_or_all_as_they_are() -> None:
    assert choose(PEOPLE, REPETITIONS, Subjects(2)) == {1: 0, 2: 1}
    assert choose(PEOPLE, REPETITIONS, Subjects(1, "all")) == {0: 0, 1: 1, 2: 2}


def test_who_is_never_seen_together_with_the_subject_counts_as_the_same() -> None:
    """After a cut of the camera the subject has another identity."""
    people = {0: presence(seen(0, 20)), 1: presence(seen(20, 40)), 2: presence(seen(10, 30))}
    repetitions = [repetition(0, 3), repetition(0, 5), repetition(1, 25), repetition(2, 26, 0.1)]
    kept = choose(people, repetitions, Subjects(1))
    assert kept == {0: 0, 1: 0}
    starts = [(found.person, found.start_s) for found in of_the_kept(repetitions, kept)]
    assert starts == [(0, 3), (0, 5), (0, 25)]


def test_nobody_is_nobody() -> None:
    assert choose({}, [], Subjects(3)) == {}
