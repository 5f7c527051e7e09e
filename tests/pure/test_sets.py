from dataclasses import replace

import pytest
from executions import repetition
from hypothesis import given
from hypothesis import strategies as st

from repscore.models.scorer.score import Score
from repscore.transforms.score.sets import count_interval, sessions, sets_of


def score(value: float | None, exercise: str | None = "squat") -> Score:
    reason = "occluded" if value is None else None
    return Score(value, value, value, "reference", exercise, None, reason)


def spans(found):
    return [(s.person, s.exercise, s.start_s, s.end_s, s.repetitions) for s in found]


def test_a_rest_of_the_gap_separates_and_a_shorter_one_does_not():
    # ends at 2, next starts at 21.9 (rest 19.9 s), that ends at 24, next starts at 44 (rest 20 s)
    repetitions = [repetition(0, 2), repetition(21.9, 24), repetition(44, 46)]
    found = sets_of(repetitions, [score(50)] * 3)
    assert spans(found) == [(0, "squat", 0, 24, 2), (0, "squat", 44, 46, 1)]


def test_the_rest_counts_from_the_latest_end():
    # the second lies within the first, which lasts until 40
    found = sets_of([repetition(0, 40), repetition(1, 3), repetition(59, 60)], [score(1)] * 3)
    assert spans(found) == [(0, "squat", 0, 60, 3)]


def test_people_and_exercises_are_kept_apart():
    repetitions = [repetition(0, 2), repetition(2, 4, person=1), repetition(4, 6), repetition(6, 8)]
    scores = [score(50), score(50), score(50, "lunge"), score(50, None)]
    assert spans(sets_of(repetitions, scores)) == [
        (0, "squat", 0, 2, 1),
        (1, "squat", 2, 4, 1),
        (0, "lunge", 4, 6, 1),
        (0, None, 6, 8, 1),
    ]


def test_figures_of_a_set():
    # four repetitions of 2 s in 12 s: 20 per minute; scores fall by 5 per repetition, one unknown
    repetitions = [repetition(0, 2), repetition(3, 5), repetition(6, 8), repetition(10, 12)]
    scores = [score(90), score(85), score(None), score(75)]
    (found,) = sets_of(repetitions, scores)
    assert found.tempo_per_min == pytest.approx(20)
    assert found.scored == 3
    assert found.mean_score == pytest.approx(250 / 3)
    assert found.fatigue_slope == pytest.approx(-5)


@pytest.mark.parametrize("values", [[None, None, None], [80.0, None, 70.0]])
def test_too_few_scores_have_no_slope(values):
    repetitions = [repetition(i, i + 1) for i in range(3)]
    (found,) = sets_of(repetitions, [score(value) for value in values])
    assert found.fatigue_slope is None
    assert found.mean_score == (None if values[0] is None else 75.0)


@given(st.lists(st.floats(0.2, 1), min_size=1, max_size=60))
def test_a_count_lies_in_its_interval_which_grows_with_doubt(confidences):
    low, high = count_interval(confidences)
    assert 1 <= low <= len(confidences) <= high
    less_low, less_high = count_interval([0.8 * confidence for confidence in confidences])
    assert less_low <= low
    assert high <= less_high


def test_an_unsure_count_is_marked():
    repetitions = [replace(repetition(i, i + 1), confidence=0.95) for i in range(4)]
    (sure,) = sets_of(repetitions, [score(50)] * 4)
    assert (sure.count_low, sure.count_high, sure.unsure) == (3, 5, False)
    (unsure,) = sets_of([replace(r, confidence=0.4) for r in repetitions], [score(50)] * 4)
    assert unsure.count_high - unsure.count_low > 5
    assert unsure.unsure


def test_nothing_has_no_sets():
    assert sets_of([], []) == ()


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=12), st.randoms())
def test_sessions_are_the_connected_parts_of_overlapping_windows(pairs, random):
    items = [(start, start + length) for start, length in pairs]
    groups = list(sessions(random.sample(items, len(items)), lambda item: item, gap_s=20))
    assert sorted(item for group in groups for item in group) == sorted(items)
    covered = [
        {instant for start, end in group for instant in range(start, end + 20)} for group in groups
    ]
    for one, cover in enumerate(covered):
        assert cover == set(range(min(cover), max(cover) + 1))  # no hole: one session
        assert not any(cover & other for other in covered[one + 1 :])  # apart: no overlap
