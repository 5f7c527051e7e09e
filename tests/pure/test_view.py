"""A scored video as it is shown: who is where, what is said of them, and the picture."""

import numpy as np
import pytest

from repscore.models.skeleton import JOINT
from repscore.pipelines.movement import main_movement
from repscore.pipelines.view import drawing
from repscore.pipelines.view.annotate import Look, bounds, view_of
from repscore.pipelines.view.drawing import Strip, draw_body, font, score_colour, wrapped
from repscore.pipelines.view.moments import moment_at, shown_by_person
from repscore.pipelines.view.people import Body, body_at
from repscore.transforms.repetitions.clean import Samples


def repetition(start_s: float, **more: object) -> dict[str, object]:
    """Out for a second, half a second at the turn, back for a second."""
    row = {
        "person": 0, "repetition": 0, "start_s": start_s, "end_s": start_s + 2.5, "out_s": 1.0,
        "hold_s": 0.5, "exercise": "squat", "score": 80.0, "unscorable_reason": None,
    }  # fmt: skip
    return row | more


ROWS = [repetition(1.0), repetition(5.0, repetition=1, score=None, unscorable_reason="not seen")]
REMARK = {"person": 0, "repetition": 0, "message": "deeper\nplease", "deviation": 3.0}
SHOWN = shown_by_person(ROWS, [REMARK, REMARK | {"message": "less grave"}])[0]


@pytest.mark.parametrize(
    ("time_s", "count", "phase"),
    [(0.5, 0, "rest"), (1.0, 0, "out"), (2.0, 0, "turn"), (2.5, 0, "back"), (3.49, 0, "back"),
     (3.5, 1, "rest"), (5.0, 1, "out"), (7.5, 2, "rest")],
)  # fmt: skip
def test_the_count_rises_when_a_repetition_ends(time_s: float, count: int, phase: str) -> None:
    moment = moment_at(SHOWN, time_s)
    assert (moment.count, moment.phase) == (count, phase)


def test_the_worst_remark_of_the_latest_repetition_is_shown_in_one_line() -> None:
    assert moment_at(SHOWN, 0.9).repetition is None
    first, second = (moment_at(SHOWN, at).repetition for at in (4.0, 6.0))
    assert first is not None
    assert second is not None
    assert (first.score, first.remark) == (80.0, "deeper please")
    assert (second.score, second.reason, second.remark) == (None, "not seen", "")


def samples(times: list[float], x: list[float]) -> Samples:
    """All joints at (x, 10); NaN is nobody."""
    places = np.stack([np.full((15, 3), [value, 10.0, 0.0]) for value in x])
    places[np.isnan(places[..., 0])] = np.nan
    visibility = np.where(np.isnan(places[..., 0]), 0.0, 1.0)
    return Samples(np.array(times), places, np.full_like(places, np.nan), visibility)


def test_between_two_frames_a_body_moves_evenly() -> None:
    body = body_at(samples([0.0, 0.2], [0.0, 20.0]), 0.05)
    assert body is not None
    np.testing.assert_allclose(body.joints_px, np.tile([5.0, 10.0], (15, 1)))


def test_nobody_is_drawn_in_a_long_gap_nor_where_a_frame_shows_nobody() -> None:
    assert body_at(samples([0.0, 2.0], [0.0, 20.0]), 1.0) is None
    assert body_at(samples([0.0, 2.0], [0.0, 20.0]), 0.2) is not None
    assert body_at(samples([0.0, 0.2, 2.0], [np.nan, np.nan, 1.0]), 0.1) is None


def test_a_joint_that_one_of_two_frames_shows_stays_where_that_one_has_it() -> None:
    both = samples([0.0, 0.2], [0.0, 20.0])
    both.image_px[0, 3] = np.nan
    body = body_at(both, 0.05)
    assert body is not None
    assert body.joints_px[3].tolist() == [20.0, 10.0]


def standing() -> np.ndarray:
    """A body from the front in 200 x 200 px: its right side on the left of the picture."""
    joints = np.full((15, 2), 100.0)
    for height, *names in (
        (20, "nose"), (40, "neck", "shoulder"), (70, "elbow"), (100, "wrist", "hip", "mid_hip"),
        (140, "knee"), (180, "ankle"),
    ):  # fmt: skip
        for name, index in JOINT.items():
            if name.split("_", 1)[-1] in names or name in names:
                side = -30 if name.startswith("right") else 30 if name.startswith("left") else 0
                joints[index] = 100 + side, height
    return joints


def test_sides_have_their_colours_and_what_is_unsure_is_dim() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    visibility = np.ones(15)
    visibility[[JOINT["left_knee"], JOINT["left_ankle"]]] = 0.2
    draw_body(picture, Body(standing(), visibility))
    right, left = picture[160, 70], picture[160, 130]
    np.testing.assert_array_equal(right, drawing.RIGHT[::-1])
    assert left[0] > left[2], "blue is the left side"
    assert 0 < left.max() < 0.6 * max(drawing.LEFT)


def test_a_body_without_joints_changes_nothing() -> None:
    picture = np.zeros((50, 50, 3), np.uint8)
    draw_body(picture, Body(np.full((15, 2), np.nan), np.zeros(15)), tag="1")
    assert not picture.any()


def test_the_strip_changes_where_words_and_time_do() -> None:
    strip = Strip({0: SHOWN}, 640, 16.0, 10.0)
    before, after, later = (strip.at({0: moment_at(SHOWN, t)}, t) for t in (3.4, 3.6, 3.7))
    words = slice(0, 60)
    assert (before[words] != after[words]).any()
    assert (after[words] == later[words]).all()
    assert (after != later).any(), "the mark of time"


@pytest.mark.parametrize(
    ("box", "size", "shape"),
    [((0, 0, 640, 480), (640, 480), (640, 480)), ((0, 0, 202, 360), (202, 360), (360, 642)),
     ((-5.0, 10.2, 700.0, 400.0), (640, 480), (640, 390)),
     ((0, 0, 500.5, 401.0), (None, None), (500, 400))],
)  # fmt: skip
def test_a_view_lies_in_the_picture_is_even_and_large_enough(
    box: tuple[float, float, float, float], size: tuple[int | None, int | None],
    shape: tuple[int, int],
) -> None:  # fmt: skip
    view = view_of(box, size)
    assert view.size == shape
    picture = np.zeros((size[1] or view.bottom, size[0] or view.right, 3), np.uint8)
    assert view.of(picture).shape[1::-1] == shape


def test_a_crop_leaves_out_what_is_far_from_nearly_all() -> None:
    boxes = np.tile([100.0, 50.0, 200.0, 250.0], (1000, 1))
    boxes[0] = [0.0, 0.0, 1000.0, 1000.0]
    assert bounds(boxes) == (76.0, 26.0, 224.0, 274.0)
    assert bounds(np.zeros((0, 4))) is None
    assert Look() == Look(crop=False, skeleton_only=False)


def test_long_texts_are_wrapped_and_end_in_dots() -> None:
    letters = font(16)
    lines = wrapped("left knee bends too little " * 9, letters, 200, 2)
    assert len(lines) == 2
    assert lines[1].endswith("...")
    assert all(letters.getlength(line) <= 200 for line in lines)
    assert wrapped("short", letters, 200, 2) == ["short"]


def test_a_better_score_is_greener() -> None:
    assert score_colour(0)[1] < score_colour(50)[1] < score_colour(100)[1]
    assert score_colour(None) == drawing.UNSCORED


def test_the_motion_goes_up_towards_the_turning_points() -> None:
    """One joint goes 1 torso out and back in each repetition; a drift between them says nothing."""
    time_s = np.arange(0, 10, 1 / 15)
    joints = np.zeros((len(time_s), 15, 2))
    for start_s in (1.0, 5.0):
        share = np.clip((time_s - start_s) / 2.5, 0, 1)
        joints[:, 4, 1] += np.sin(np.pi * share) ** 2
    joints[:, :, 0] += np.where(time_s > 4, 3.0, 0.0)[:, None]
    spans = [(start_s, start_s + 1.25, start_s + 2.5) for start_s in (1.0, 5.0)]
    course = main_movement(time_s, joints.reshape(len(joints), -1), spans)
    assert course.max() - course.min() == pytest.approx(1.0, abs=0.02)
    assert course[round(2.25 * 15)] == pytest.approx(course.max(), abs=0.02)
