"""Small videos for tests."""

from pathlib import Path

import cv2
import numpy as np

from repscore.transforms.records import Probe, Segment, Video

WHITE, RED, BLUE, GREY = (255, 255, 255), (255, 0, 0), (0, 0, 255), (90, 90, 90)
GREEN = (0, 255, 0)


def plain(path: Path, rgb: tuple[int, int, int] = GREY, frames: int = 20, fps: float = 10) -> Path:
    """A video of one colour, `frames / fps` seconds long."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
    frame = np.empty((48, 64, 3), np.uint8)
    frame[:] = rgb[::-1]
    for _ in range(frames):
        writer.write(frame)
    writer.release()
    return path


def segment_of(path: Path) -> Segment:
    """The only segment of such a video."""
    video = Video(str(path), path.stem, path.stem, path.stat().st_size, "1", (), str(path))
    return Segment(video, 0, 1, 0.0, float("inf"), Probe(64, 48, 10.0, 20, 2.0, 0, "mp4v"))
