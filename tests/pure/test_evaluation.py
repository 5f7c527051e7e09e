"""Figures of an evaluation: what they are of, and means over the times that folds are dealt."""

from dataclasses import replace

import numpy as np
import pytest
from executions import curl, perform, squat

from repscore.models.scorer.network import Judgement
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.methods import Material
from repscore.pipelines.evaluate.rates import figures


def test_videos_are_right_by_most_of_their_repetitions() -> None:
    """Two videos of squats; one of three repetitions of the first, two of the second are missed."""
    squats = [Labelled(video, False, "squat", None, perform(squat())) for video in "aaabbb"]
    curls = [Labelled("c", False, "curl", None, perform(curl()))]
    material = Material([*squats, *curls])
    named = np.array([[0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [1, 0]], float)
    judgement = Judgement(named, np.full(7, np.nan))
    told = figures(material, [(np.arange(7), judgement)])
    assert told.majority[0] == pytest.approx(2 / 3)
    assert told.accuracy[0] == pytest.approx(4 / 7)
    assert np.isnan([told.auc[0], told.balanced[0], told.coverage[0]]).all()


def test_figures_are_means_over_the_times_that_folds_are_dealt() -> None:
    """All four right once, and two of them the other time: one of three videos, then all."""
    videos = [Labelled(video, False, "squat", True, perform(squat())) for video in "aabc"]
    material = Material([*videos[:3], replace(videos[3], exercise="curl", correct=False)])
    all_right = Judgement(
        np.array([[0, 1], [0, 1], [0, 1], [1, 0]], float), np.array([1.0, 1, 1, 0])
    )
    two_right = Judgement(
        np.array([[0, 1], [0, 1], [1, 0], [0, 1]], float), np.array([0.0, 0, 1, 1])
    )
    dealt = [(np.arange(4), all_right), (np.arange(4), two_right)]
    told = figures(material, dealt)
    assert told.accuracy[0] == pytest.approx((1 + 1 / 2) / 2)
    assert told.majority[0] == pytest.approx((1 + 1 / 3) / 2)
    assert told.auc[0] == pytest.approx((1 + 1 / 6) / 2)
    assert told.accuracy[1] < told.accuracy[0] < told.accuracy[2]
    assert told.balanced[0] == pytest.approx((1 + 1 / 6) / 2)
    assert figures(material, dealt[:1]).majority == (1, 1, 1)
