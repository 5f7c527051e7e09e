"""Regions, crops, refinement, detector and smoothing, on values one can derive by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repscore.models.blazepose import detector, landmarks, regions, smoothing

EMPTY = -20.0  # a logit that counts for nothing


def test_a_standing_person_has_an_upright_region() -> None:
    """Hips at (100, 200), the circle's top 80 pixels above: side 2 * 1.25 * 80, not turned."""
    (region,) = regions.around(np.array([[100.0, 200.0]]), np.array([[100.0, 120.0]]))
    np.testing.assert_allclose(region, [100, 200, 200, 0], atol=1e-9)


def test_a_lying_person_is_turned_by_a_quarter() -> None:
    """The head is to the right: the crop's top is the image's right side."""
    lying = regions.around(np.array([[100.0, 200.0]]), np.array([[180.0, 200.0]]))
    assert lying[0, 3] == pytest.approx(np.pi / 2)
    top_middle = regions.to_image(np.array([[[0.5, 0.0]]]), lying)
    np.testing.assert_allclose(top_middle[0, 0], [200, 200], atol=1e-9)


place = st.floats(-500, 2000)


@given(x=place, y=place, angle=st.floats(-3.1, 3.1), side=st.floats(10, 3000))
def test_a_region_is_found_again_from_its_own_points(x, y, angle, side) -> None:
    region = np.array([[x, y, side, angle]])
    # mid-hip in the middle, the full-body point above it by side / (2 * 1.25)
    points = regions.to_image(np.array([[[0.5, 0.5], [0.5, 0.5 - 1 / 2.5]]]), region)
    np.testing.assert_allclose(regions.around(points[:, 0], points[:, 1]), region, atol=1e-6)


@given(angle=st.floats(-3.1, 3.1), side=st.floats(10, 3000))
def test_lengths_scale_with_the_side_and_world_only_turns(angle, side) -> None:
    region = np.array([[3.0, 4.0, side, angle]])
    points = np.random.default_rng(0).random((1, 5, 3))
    placed, turned = regions.to_image(points, region), regions.turn(points, region)
    gaps = [np.linalg.norm(np.diff(p[0], axis=0), axis=1) for p in (points, placed, turned)]
    np.testing.assert_allclose(gaps[1], side * gaps[0], rtol=1e-6)
    np.testing.assert_allclose(gaps[2], gaps[0], rtol=1e-6)
    np.testing.assert_allclose(turned[..., 2], points[..., 2])


def gradient() -> np.ndarray:
    """256x256; red is the column, green the row, blue 200."""
    row, column = np.mgrid[:256, :256].astype(np.uint8)
    return np.dstack([np.full_like(row, 200), row, column])


def test_a_crop_of_the_whole_frame_is_the_frame_in_rgb() -> None:
    frame, out = gradient(), np.empty((256, 256, 3), np.uint8)
    regions.crop(frame, regions.whole(frame)[0], out, border=cv2.BORDER_CONSTANT)
    np.testing.assert_array_equal(out, frame[..., ::-1])


def test_a_quarter_turn_puts_the_right_side_on_top() -> None:
    frame, out = gradient(), np.empty((256, 256, 3), np.uint8)
    region = np.array([128, 128, 256, np.pi / 2])
    regions.crop(frame, region, out, border=cv2.BORDER_REPLICATE)
    # going down in the crop is going left in the image
    np.testing.assert_array_equal(out[1:, 10, 0], np.arange(255, 0, -1))


def test_outside_of_the_frame_is_black_or_the_edge() -> None:
    frame, out = gradient(), np.empty((224, 224, 3), np.uint8)
    beside = np.array([-400.0, 128.0, 100.0, 0.0])
    regions.crop(frame, beside, out, border=cv2.BORDER_CONSTANT)
    assert not out.any()
    regions.crop(frame, beside, out, border=cv2.BORDER_REPLICATE)
    assert (out[..., 0] == 0).all()
    assert (out[..., 2] == 200).all()


def test_landmarks_move_to_the_centre_of_mass() -> None:
    """Equal peaks at columns 10 and 12 of row 20: the landmark at (11.5, 20.5) goes to (11, 20)."""
    heatmap = np.full((1, 64, 64, 1), EMPTY, np.float32)
    heatmap[0, 20, [10, 12], 0] = 3.0
    xy = np.array([[[11.5 / 64, 20.5 / 64]]], np.float32)
    np.testing.assert_allclose(landmarks.refine(xy, heatmap)[0, 0], [11 / 64, 20 / 64], atol=1e-4)


@pytest.mark.parametrize(
    ("xy", "peak"),
    [
        ([0.5, 0.5], -1.0),  # nowhere as sure as 0.5 (logit 0)
        ([-0.5, 0.5], 5.0),  # left of the map
        ([0.5, 1.5], 5.0),  # so far below that its window holds nothing
    ],
)
def test_landmarks_without_evidence_stay(xy, peak) -> None:
    heatmap = np.full((1, 64, 64, 1), peak, np.float32)
    given_xy = np.array([[xy]], np.float32)
    np.testing.assert_array_equal(landmarks.refine(given_xy, heatmap), given_xy)


def test_the_window_is_cut_at_the_border() -> None:
    """In the corner of an even map the window covers 0..3, whose centre is 1.5."""
    heatmap = np.full((1, 64, 64, 1), 5.0, np.float32)
    refined = landmarks.refine(np.zeros((1, 1, 2), np.float32), heatmap)
    np.testing.assert_allclose(refined[0, 0], [1.5 / 64, 1.5 / 64], rtol=1e-5)


def test_outputs_of_another_model_are_an_error() -> None:
    with pytest.raises(ValueError, match="not a BlazePose landmark model"):
        landmarks.landmark_outputs([(1, 195), (1, 1)])


def test_there_are_2254_anchors_in_the_models_order() -> None:
    anchors = detector.anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[:3], [[0.5 / 28] * 2] * 2 + [[1.5 / 28, 0.5 / 28]])
    np.testing.assert_allclose(anchors[-1], [6.5 / 7, 6.5 / 7])
    np.testing.assert_allclose(anchors[1568], [0.5 / 14, 0.5 / 14])


def raw(hits: dict[int, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of 56 pixels at these anchors; value: (logit, shift of x in pixels)."""
    boxes, scores = np.zeros((2254, 12), np.float32), np.full(2254, -50.0, np.float32)
    for anchor, (logit, shift) in hits.items():
        boxes[anchor, [0, 4]] = shift
        boxes[anchor, 2:4] = 56.0
        scores[anchor] = logit
    return boxes, scores


def test_overlapping_boxes_are_averaged_by_score() -> None:
    """Both anchors of a cell; scores 0.75 and 0.5, shifts 0 and 10 pixels: the mean is 4."""
    sure, unsure = np.log(3.0), 0.0
    found = detector.detections(*raw({1600: (sure, 0.0), 1601: (unsure, 10.0)}))
    assert found.score == pytest.approx([0.75])
    offset = found.keypoints[0, 0, 0] - detector.anchors()[1600, 0]
    assert offset * 224 == pytest.approx(4.0, abs=1e-3)


def test_people_apart_stay_apart_the_surest_first() -> None:
    found = detector.detections(*raw({2000: (1.0, 0.0), 1570: (2.0, 0.0), 5: (-1.0, 0.0)}))
    assert found.keypoints.shape == (2, 4, 2)
    assert found.score[0] > found.score[1] > 0.5


def test_nobody_is_an_empty_result() -> None:
    found = detector.detections(*raw({}))
    assert (len(found.score), found.keypoints.shape) == (0, (0, 4, 2))


def smoothed(values: list[float], step_s: float = 0.1) -> list[float]:
    state, out = None, []
    for i, value in enumerate(values):
        point = np.full((33, 3), value)
        state = smoothing.smooth(state, 1 + i * step_s, point, point, np.ones(33), 100.0)
        out.append(float(state.image_px.smooth[0, 0]))
    return out


def test_smoothing_keeps_still_what_is_still() -> None:
    assert smoothed([50.0] * 5) == [50.0] * 5


def test_a_step_is_followed_by_the_formula() -> None:
    """0 -> 10 px in 0.1 s at 100 px per side: speed 1 side/s, low-passed, opens the cutoff."""
    turns = 2 * np.pi * 0.1
    speed = 1.0 * turns / (1 + turns)
    cutoff = turns * (0.05 + 80 * speed)
    assert smoothed([0.0, 10.0])[1] == pytest.approx(10 * cutoff / (1 + cutoff))


def test_smoothing_refuses_time_that_stands_still() -> None:
    with pytest.raises(ValueError, match="must increase"):
        smoothed([1.0, 2.0], step_s=0.0)
