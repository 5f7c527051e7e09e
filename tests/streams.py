"""Chunks of streams for tests."""

from pathlib import Path

import keypoints
import numpy as np

from repscore.transforms.streams.gather import Chunk

FPS = 10.0


def chunk(
    number: int, arrived_s: float, *, name: str = "/live", length_s: float = 5.0, end: bool = False
) -> Chunk:
    """A chunk of `length_s` seconds that follows its predecessors on the stream's clock."""
    return Chunk(
        stream=f"{name}.%d.keypoints.npz",
        first=number,
        last=number,
        since_s=arrived_s,
        arrived_s=arrived_s,
        size_bytes=1,
        end=end,
        start_s=None if end else number * length_s,
        end_s=None if end else (number + 1) * length_s,
    )


def write_chunk(folder: Path, number: int, length_s: float = 5.0, name: str = "live") -> Path:
    """Somebody who raises both arms, once every two seconds, at ten frames per second."""
    frames = round(length_s * FPS)
    time_s = (number * frames + np.arange(frames)) / FPS
    image_px = np.stack([keypoints.blazepose(at_s) for at_s in time_s])
    path = folder / f"{name}.{number}.keypoints.npz"
    hidden = path.with_name(f".{path.name}")
    np.savez(hidden, image_px=image_px, time_s=time_s)
    (hidden if hidden.exists() else hidden.with_name(hidden.name + ".npz")).rename(path)
    return path
