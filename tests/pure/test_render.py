"""Pictures of the athlete: the camera's geometry, what is drawn where, clips that decode."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repscore.pipelines.demo.athlete import Motion, Tempo
from repscore.pipelines.demo.cast import CAST, TRUTH_FILE, write_cast
from repscore.pipelines.demo.exercises import MAIN_ANGLE, Exercise, Faults
from repscore.pipelines.demo.figure import POINT
from repscore.pipelines.demo.render import frame_count, frames, render_clip
from repscore.pipelines.demo.scene import Camera, Look, empty_room

SMALL = Camera(width_px=320, height_px=240, distance_m=4.0)
QUICK = Tempo(out_s=0.4, hold_s=0.1, back_s=0.4, rest_s=0.1)


def quick(exercise: Exercise, repetitions: int = 1, **more: object) -> Motion:
    return Motion(exercise, repetitions, tempo=QUICK, lead_s=0.2, **more)


def decoded(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    images = []
    while True:
        read, image = capture.read()
        if not read:
            capture.release()
            return images
        images.append(image)


def test_a_camera_in_front_sees_the_left_hand_on_the_right_and_up_above() -> None:
    camera = Camera(elevation_deg=0.0, distance_m=4.0, focal=1.0, width_px=480, height_px=640)
    points = np.array([[0.0, 0.95, 0.0], [1.0, 0.95, 0.0], [0.0, 1.95, 0.0], [1.0, 0.95, 2.0]])
    # 640 px of focal length over 4 m: 160 px a metre; 2 m nearer, twice that.
    expected = [[240, 320, 4], [400, 320, 4], [240, 160, 4], [560, 320, 2]]
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-9)


def test_a_camera_on_the_left_sees_the_front_on_the_left() -> None:
    camera = Camera(azimuth_deg=90.0, elevation_deg=0.0, distance_m=4.0, focal=1.0)
    seen = camera.project(np.array([[0.0, 0.95, 1.0], [1.0, 0.95, 0.0]]))
    np.testing.assert_allclose(seen, [[80, 320, 4], [240, 320, 3]], atol=1e-9)


@given(st.floats(-180, 180), st.floats(-30, 60))
def test_a_camera_s_axes_are_a_rotation(azimuth_deg: float, elevation_deg: float) -> None:
    axes = Camera(azimuth_deg=azimuth_deg, elevation_deg=elevation_deg).axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1.0)


@pytest.mark.parametrize("exercise", list(MAIN_ANGLE))
def test_every_limb_is_drawn_where_its_joints_are(exercise: Exercise) -> None:
    camera = next(clip.camera for clip in CAST if clip.exercise == exercise)
    motion = quick(exercise)
    look = Look()
    room = empty_room(look, camera, motion.seed).astype(int)
    images = list(frames(motion, look, camera, fps=5.0))
    seen = camera.project(motion.pose(np.arange(len(images)) / 5.0).points)[..., :2]
    for image, points in zip(images, seen, strict=True):
        changed = np.abs(image.astype(int) - room).max(axis=2) > 12
        for name, index in POINT.items():
            x, y = np.round(points[index]).astype(int)
            assert 0 <= x < camera.width_px, f"{name} is outside the picture"
            assert 0 <= y < camera.height_px, f"{name} is outside the picture"
            assert changed[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].any(), name
        assert 0.02 < changed.mean() < 0.5


def test_a_shirt_has_the_colour_asked_for() -> None:
    look = Look(shirt=(20, 200, 40), stripe=(20, 200, 40))
    image = next(iter(frames(quick("jumping_jack"), look, Camera())))
    motion = quick("jumping_jack")
    points = motion.pose(0.0).points[0]
    belly = (points[POINT["neck"]] + points[POINT["mid_hip"]]) / 2
    x, y = np.round(Camera().project(belly)[:2]).astype(int)
    blue, green, red = image[y, x].astype(int)
    assert green > 2 * max(blue, red)


@pytest.mark.parametrize(("fps", "size"), [(30.0, (320, 240)), (12.5, (160, 240))])
def test_a_clip_decodes_to_the_frames_that_were_written(
    tmp_path: Path, fps: float, size: tuple[int, int]
) -> None:
    path = tmp_path / "clip.mp4"
    motion = quick("biceps_curl", 2)
    camera = replace(SMALL, width_px=size[0], height_px=size[1])
    written = render_clip(path, motion, camera=camera, fps=fps)
    images = decoded(path)
    assert written == len(images) == frame_count(motion, fps)
    assert images[0].shape == (size[1], size[0], 3)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps)
    capture.release()
    original = next(iter(frames(motion, Look(), camera, fps)))
    assert np.abs(images[0].astype(int) - original).mean() < 4.0


def test_the_same_motion_gives_the_same_pictures_and_file(tmp_path: Path) -> None:
    motion = quick("push_up", seed=4)
    first, second = (list(frames(motion, Look(), SMALL)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for name in ("a.mp4", "b.mp4"):
        render_clip(tmp_path / name, motion, camera=SMALL)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere/clip\.mp4: expected to write an mp4 video"):
        render_clip(tmp_path / "nowhere" / "clip.mp4", quick("squat"), camera=SMALL)


@pytest.mark.parametrize("size", [(321, 240), (8, 8)])
def test_sizes_that_no_codec_takes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} px"):
        Camera(width_px=size[0], height_px=size[1])


def test_the_cast_has_a_reference_a_clean_and_a_faulty_performer_per_exercise() -> None:
    for exercise in MAIN_ANGLE:
        clips = [clip for clip in CAST if clip.exercise == exercise]
        assert sum(clip.reference for clip in clips) == 1
        others = [clip for clip in clips if not clip.reference]
        assert {clip.fault == "clean" for clip in others} == {True, False}
        assert len({clip.performer for clip in clips}) == len(clips)
        assert all(clip.fault == "clean" for clip in clips if clip.reference)
    assert len({clip.file_name for clip in CAST}) == len(CAST)
    assert all(8.0 <= clip.motion.duration_s <= 20.0 for clip in CAST)


def test_clips_and_truth_are_written_side_by_side(tmp_path: Path) -> None:
    reference = replace(CAST[0], motion=quick("squat", 2), camera=SMALL)
    fault = replace(
        CAST[2], motion=quick("squat", 1, faults=Faults(too_fast=0.2, swing=0.1)), camera=SMALL
    )
    progress: list[tuple[int, int]] = []
    made = write_cast(tmp_path / "clips", lambda *done: progress.append(done), [reference, fault])
    assert made == [reference, fault]
    assert progress == [(1, 2), (2, 2)]
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert names == ["squat_cem_too_fast-swing.mp4", "squat_reference.mp4", TRUTH_FILE]
    with (tmp_path / "clips" / TRUTH_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["repetition"], row["reference"]) for row in rows] == [
        ("squat_reference.mp4", "0", "true"),
        ("squat_reference.mp4", "1", "true"),
        ("squat_cem_too_fast-swing.mp4", "0", "false"),
    ]
    assert rows[2]["fault"] == "too_fast+swing"
    assert float(rows[1]["turn_s"]) == pytest.approx(reference.windows[1].turn_s, abs=1e-3)
