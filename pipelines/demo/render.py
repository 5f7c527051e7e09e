"""A motion as pictures, and as a video file."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from repscore.pipelines.demo.artist import Artist
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.figure import Array
from repscore.pipelines.demo.scene import (
    Camera,
    Image,
    Look,
    empty_room,
    shadow_paths,
    shadowed,
)
from repscore.pipelines.demo.strokes import draw


def frame_count(motion: Motion, fps: float = 30.0) -> int:
    """Pictures in a clip of the motion."""
    return max(1, int(motion.duration_s * fps))


def frames(motion: Motion, look: Look, camera: Camera, fps: float = 30.0) -> Iterator[Image]:
    """The clip's pictures (H, W, 3) uint8, BGR; picture i shows the instant i / fps."""
    figure = motion.pose(np.arange(frame_count(motion, fps)) / fps)
    parts = Artist(figure, motion, look, camera).parts()
    room = _softened(empty_room(look, camera, motion.seed))
    shadows = shadow_paths(figure.points, look, camera)
    boxes = _boxes(figure.points, camera)
    for index, (left, top, right, bottom) in enumerate(boxes):
        image = shadowed(room, shadows[index])
        draw(image, parts, index)
        around = image[top:bottom, left:right]
        around[:] = _softened(around)
        yield image


def _softened(image: Image) -> Image:
    """Edges as soft as in a camera's picture."""
    return cv2.GaussianBlur(image, (3, 3), 0.55).astype(np.uint8, copy=False)


def _boxes(points: Array, camera: Camera) -> list[list[int]]:
    """Left, top, right, bottom in pixels of a box around each clothed figure (N, P, 3)."""
    seen = camera.project(points)
    margin = 0.3 * camera.scale_px(seen[..., 2].min())
    size = [camera.width_px, camera.height_px]
    low = np.clip(seen[..., :2].min(axis=1) - margin, 0, size)
    high = np.clip(seen[..., :2].max(axis=1) + margin, 1, size)
    boxes: list[list[int]] = np.concatenate([low, high], axis=1).astype(int).tolist()
    return boxes


def render_clip(
    path: Path,
    motion: Motion,
    look: Look | None = None,
    camera: Camera | None = None,
    *,
    fps: float = 30.0,
) -> int:
    """Write the motion as an mp4 file (MPEG-4 part 2); returns its number of frames.

    Raises:
        OSError: the file could not be written.
    """
    look, camera = look or Look(), camera or Camera()
    size = (camera.width_px, camera.height_px)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise OSError(
            f"{path}: expected to write an mp4 video of {size[0]}x{size[1]} px, could not open it; "
            "check that its folder exists and that this OpenCV was built with FFmpeg"
        )
    written = 0
    try:
        for image in frames(motion, look, camera, fps):
            writer.write(image)
            written += 1
    finally:
        writer.release()
    return written
