"""Pose Trainer's sequences of OpenPose joints: good and bad executions of four lifts.

One file is one execution, (frames, 18, 3) of COCO-18: x and y in pixels, confidence. The archive
names no subjects and no frame rate.
"""

import re
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.pipelines.evaluate.labelled import Labelled, executions_of
from repscore.transforms.records import PoseFrames

LIFTS: Final = {
    "bicep": "biceps_curl", "frontraise": "front_raise",
    "shoulderpress": "shoulder_press", "shouldershrug": "shoulder_shrug",
}  # fmt: skip
"""Folder -> exercise."""

RATE_HZ: Final = 30.0
_NAME: Final = re.compile(r".*?_?(good|bad)_?\d+$")


def read_lifts(folder: Path) -> list[Labelled]:
    """All sequences of a folder with LIFTS; the file stands for the subject.

    Raises ValueError for a file whose name does not say whether it is good, or of another shape.
    """
    found = []
    for lift, exercise in LIFTS.items():
        for file in sorted((folder / lift).glob("*.npy")):
            named = _NAME.match(file.stem)
            if named is None:
                raise ValueError(f"{file}: expected a name with good or bad and a number")
            points = np.load(file, allow_pickle=False)
            if points.ndim != 3 or points.shape[1:] != (18, 3):
                raise ValueError(f"{file}: expected joints (frames, 18, 3), found {points.shape}")
            whole = (0.0, len(points) / RATE_HZ)
            found += [
                Labelled(file.stem, False, exercise, named[1] == "good", execution)
                for execution in executions_of(openpose_frames(points), [whole])
            ]
    return found


def openpose_frames(points: npt.NDArray[np.floating]) -> PoseFrames:
    """COCO-18 joints (N, 18, 3: x, y in pixels, confidence) as poses; confidence 0 is not found."""
    found = points[..., 2] > 0
    image = np.concatenate([points[..., :2], np.full((*found.shape, 1), np.nan)], axis=-1)
    image[~found] = np.nan
    return PoseFrames(
        topology="coco18",
        time_s=np.arange(len(points)) / RATE_HZ,
        image_px=image.astype(np.float32),
        world_m=np.full(image.shape, np.nan, np.float32),
        visibility=found.astype(np.float32),
    )
