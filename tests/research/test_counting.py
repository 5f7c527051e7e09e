"""Figures of counting, and what makes RepCount's boxed landmarks a body again."""

from pathlib import Path

import fakes
import numpy as np
import pytest

from repscore.models.phases.metrics import CountingResult, counting_figures, matches, overlap
from repscore.pipelines.evaluate.repcount import LabelledPoses, poses_of, rectify
from research.counting import compare
from research.marks import mark_distances_s, read_marks


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


def raiser(count: int, rate_hz: float = 30.0) -> np.ndarray:
    """Landmarks (N, 33, 3) of `count` arm raises of 2 s each."""
    estimator, frame = fakes.ArmRaiser(), np.zeros((2, 2, 3), np.uint8)
    times = np.arange(round(2 * count * rate_hz)) / rate_hz
    return np.concatenate([estimator.track(frame, float(time_s)).image_px for time_s in times])


def boxed(landmarks: np.ndarray) -> np.ndarray:
    low, high = landmarks.min(axis=1, keepdims=True), landmarks.max(axis=1, keepdims=True)
    return np.asarray((landmarks - low) / np.maximum(high - low, 1e-6), np.float32)


def test_the_bones_keep_their_lengths_again() -> None:
    body = rectify(boxed(raiser(3)))
    for one, other in ((11, 13), (12, 14), (23, 25)):
        length = np.linalg.norm(body[:, one] - body[:, other], axis=-1)
        assert length.std() / length.mean() < 0.1
    squeezed = boxed(raiser(3))
    before = np.linalg.norm(squeezed[:, 11] - squeezed[:, 13], axis=-1)
    assert before.std() / before.mean() > 0.1, "the box changes with the arms"


def test_frames_of_zeros_are_frames_without_a_person() -> None:
    landmarks = boxed(raiser(2))
    landmarks[10:20] = 0
    poses = poses_of(landmarks)
    assert np.isnan(poses.image_px[10:20]).all()
    assert not poses.visibility[10:20].any()
    assert np.isfinite(poses.image_px[20:]).all()


def test_arm_raises_are_counted_beside_the_baselines() -> None:
    truth = tuple((2.0 * i, 2.0 * i + 2) for i in range(8))
    video = LabelledPoses("a", "raise", poses_of(boxed(raiser(8))), truth, 8)
    for method, (result,) in compare([video], {}).items():
        assert abs(result.error) <= 1, method


def test_marks_are_compared_with_the_nearest_boundary(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text("frame,time,label\n0,0.0,0\n1,0.5,1.0\n2,1.0,0.0\n")
    assert read_marks(path) == [0.5]
    assert mark_distances_s([0.5], ((0.0, 0.4), (0.7, 1.0))) == [pytest.approx(0.1)]
