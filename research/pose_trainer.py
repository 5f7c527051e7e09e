"""Pose Trainer's sequences of OpenPose joints: good and bad executions of four lifts.

One file is one execution, (frames, 18, 3) of COCO-18: x and y in pixels, confidence. The archive
names no subjects and no frame rate.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from research.layout import LabelRow, write_keypoints

LIFTS: Final = {
    "bicep": "biceps_curl", "frontraise": "front_raise",
    "shoulderpress": "shoulder_press", "shouldershrug": "shoulder_shrug",
}  # fmt: skip
"""Folder -> exercise."""

RATE_HZ: Final = 30.0
_NAME: Final = re.compile(r".*?_?(good|bad)_?\d+$")


def convert(source: Path, target: Path) -> Iterator[LabelRow]:
    """Write the sequences of a folder with LIFTS as keypoints; their labels.

    Raises ValueError for a file whose name does not say whether it is good, or of another shape.
    """
    if missing := [lift for lift in LIFTS if not (source / lift).is_dir()]:
        raise ValueError(f"{source}: expected the folders {', '.join(LIFTS)}; missing {missing}")
    for lift, exercise in LIFTS.items():
        for file in sorted((source / lift).glob("*.npy")):
            name = _NAME.match(file.stem)
            if name is None:
                raise ValueError(f"{file}: expected a name with good or bad and a number")
            points = np.load(file, allow_pickle=False)
            if points.ndim != 3 or points.shape[1:] != (18, 3):
                raise ValueError(f"{file}: expected joints (frames, 18, 3), found {points.shape}")
            seen = points[..., 2] > 0
            input_name = f"{lift}-{file.stem}.keypoints.npz"
            write_keypoints(
                target / input_name,
                "coco18",
                np.arange(len(points)) / RATE_HZ,
                image_px=np.where(seen[..., None], points[..., :2], np.nan),
                visibility=seen,
            )
            yield LabelRow(
                input_name, exercise, 0.0, len(points) / RATE_HZ, correct=name[1] == "good"
            )
