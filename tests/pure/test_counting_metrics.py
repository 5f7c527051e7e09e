"""Figures of counting, from counts and boundaries that can be checked by hand."""

import numpy as np
import pytest

from repscore.models.phases.metrics import CountingResult, counting_figures, matches, overlap


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 2), (1, 3)) == pytest.approx(1 / 3)
    assert overlap((0, 1), (1, 2)) == 0


def test_repetitions_are_matched_one_to_one() -> None:
    truth = ((0.0, 2.0), (2.0, 4.0))
    assert matches(((0.1, 2.0), (0.0, 1.9), (2.0, 4.0)), truth, 0.5) == 2


def test_figures_of_three_videos() -> None:
    spans = tuple((float(i), i + 1.0) for i in range(4))
    figures = counting_figures(
        [
            CountingResult("right", "a", 4, spans, spans),
            CountingResult("one off", "a", 4, spans[:3], spans),
            CountingResult("none there", "b", 0, spans[:2], ()),
        ]
    )
    assert figures.obo == pytest.approx(2 / 3)
    assert figures.exact == pytest.approx(1 / 3)
    assert figures.mae == pytest.approx(0.125), "the video without repetitions has no share"
    assert figures.f1[0] == pytest.approx(2 * 7 / (8 + 7 + 2))
    assert figures.low[0] <= figures.obo <= figures.high[0]


def test_boundaries_that_are_not_known_are_no_misses() -> None:
    spans = tuple((float(i), i + 1.0) for i in range(4))
    bounded = CountingResult("bounded", "a", 4, spans, spans)
    counted = CountingResult("counted", "a", 4, spans)
    assert counting_figures([bounded, counted]).f1 == (1.0, 1.0)
    figures = counting_figures([counted, counted])
    assert np.isnan([*figures.f1, *figures.low[2:], *figures.high[2:]]).all()
    assert (figures.obo, figures.low[0]) == (1.0, 1.0)
