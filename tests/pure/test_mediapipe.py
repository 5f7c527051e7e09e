import os
from collections.abc import Iterator

import numpy as np
import pytest

from repscore.models import weights
from repscore.models.estimator import EstimatorConfig, People
from repscore.models.mediapipe import MediaPipeEstimator, identity
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.figure import POINT
from repscore.pipelines.demo.render import frames
from repscore.pipelines.demo.scene import Camera, Look

FPS = 15.0
LANDMARK = {
    "left_shoulder": 11, "right_shoulder": 12, "left_wrist": 15, "right_wrist": 16,
    "left_hip": 23, "right_hip": 24, "left_knee": 25, "right_knee": 26,
}  # fmt: skip
needs_weights = pytest.mark.weights("full")


@pytest.fixture(scope="module")
def motion() -> Motion:
    return Motion("jumping_jack", 1)


@pytest.fixture(scope="module")
def clip(motion: Motion) -> list[np.ndarray]:
    """An athlete in front of the camera does one jumping jack; 15 pictures a second."""
    return list(frames(motion, Look(), Camera(), FPS))[:20]


@pytest.fixture(scope="module")
def estimator() -> Iterator[MediaPipeEstimator]:
    estimator = MediaPipeEstimator()
    yield estimator
    estimator.close()


def tracked(
    estimator: MediaPipeEstimator, clip: list[np.ndarray], from_s: float = 0.0
) -> list[People]:
    estimator.start()
    return [estimator.track(picture, from_s + i / FPS) for i, picture in enumerate(clip)]


@needs_weights
def test_the_landmarks_lie_where_the_athlete_s_joints_are(
    estimator: MediaPipeEstimator, clip: list[np.ndarray], motion: Motion
) -> None:
    found = tracked(estimator, clip)
    points = motion.pose(np.arange(len(clip)) / FPS).points
    joints_px = Camera().project(points)[..., :2]
    assert all(people.person.tolist() == [0] for people in found)
    image_px = np.concatenate([people.image_px for people in found])
    assert image_px.shape == (len(clip), 33, 3)
    assert image_px.dtype == np.float32
    for name, landmark in LANDMARK.items():
        way_px = np.linalg.norm(image_px[:, landmark, :2] - joints_px[:, POINT[name]], axis=-1)
        # The picture is 640 pixels high, the athlete about 420: within a hand's breadth.
        assert np.median(way_px) < 30, name
    world_m = np.concatenate([people.world_m for people in found])
    shoulder_to_hip_m = np.linalg.norm(world_m[:, 11] - world_m[:, 23], axis=-1)
    assert np.all((shoulder_to_hip_m > 0.3) & (shoulder_to_hip_m < 0.8))
    np.testing.assert_allclose((world_m[:, 23] + world_m[:, 24]) / 2, 0, atol=0.05)
    visibility = np.concatenate([people.visibility for people in found])
    assert visibility.shape == (len(clip), 33)
    assert np.all((visibility >= 0) & (visibility <= 1))


@needs_weights
def test_a_stream_leaves_no_trace_in_the_next(
    estimator: MediaPipeEstimator, clip: list[np.ndarray]
) -> None:
    first = tracked(estimator, clip[10:])
    tracked(estimator, clip[:10], from_s=100.0)
    again = tracked(estimator, clip[10:])  # its time starts over, too
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before.image_px, after.image_px)
        np.testing.assert_array_equal(before.world_m, after.world_m)
        np.testing.assert_array_equal(before.visibility, after.visibility)


@needs_weights
def test_nobody_is_an_empty_result(estimator: MediaPipeEstimator) -> None:
    (people,) = tracked(estimator, [np.full((240, 320, 3), 90, np.uint8)])
    assert people.person.shape == (0,)
    assert people.image_px.shape == (0, 33, 3)
    assert people.world_m.shape == (0, 33, 3)
    assert people.visibility.shape == (0, 33)


@needs_weights
def test_frames_closer_than_a_millisecond_are_taken(
    estimator: MediaPipeEstimator, clip: list[np.ndarray]
) -> None:
    estimator.start()
    for time_s in (0.0, 0.0001, 0.0002):
        assert len(estimator.track(clip[0], time_s).person) == 1


@needs_weights
def test_native_messages_stay_off_the_terminal(
    clip: list[np.ndarray], capfd: pytest.CaptureFixture[str]
) -> None:
    estimator = MediaPipeEstimator()
    tracked(estimator, clip[:3])
    estimator.close()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n", "and what comes later is printed"


def test_tracking_needs_a_start() -> None:
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        MediaPipeEstimator().track(np.zeros((48, 64, 3), np.uint8), 0.0)


def test_the_identity_names_the_weights_and_changes_with_the_model() -> None:
    lite = EstimatorConfig("lite")
    assert MediaPipeEstimator(lite).identity == identity(lite)
    assert identity(lite)["landmarks_sha256"] == weights.LANDMARKS["lite"].sha256
    assert identity(lite) != identity()
    assert identity(EstimatorConfig(people=2)) != identity()
