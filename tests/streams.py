"""Chunks of streams for tests."""

from pathlib import Path

import keypoints
import numpy as np

from repscore.transforms.watch.gather import Chunk

FPS, LENGTH_S = 10.0, 5.0


def chunk(number: int, arrived_s: float, *, name: str = "/live", end: bool = False) -> Chunk:
    """A chunk of five seconds that follows its predecessors on the stream's clock."""
    return Chunk(
        stream=f"{name}.%d.keypoints.npz",
        first=number,
        last=number,
        since_s=arrived_s,
        arrived_s=arrived_s,
        size_bytes=1,
        end=end,
        start_s=None if end else number * LENGTH_S,
        end_s=None if end else (number + 1) * LENGTH_S,
    )


def write_chunk(folder: Path, number: int) -> Path:
    """A person raises both arms, once every two seconds, at ten frames per second."""
    frames = round(LENGTH_S * FPS)
    time_s = (number * frames + np.arange(frames)) / FPS
    image_px = np.stack([keypoints.blazepose(at_s) for at_s in time_s])
    path = folder / f"live.{number}.keypoints.npz"
    hidden = path.with_name(f".{path.name}")
    np.savez(hidden, image_px=image_px, time_s=time_s)
    return hidden.rename(path)
