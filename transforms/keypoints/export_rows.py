"""A person in a frame of an export, whatever its form: landmarks, time, number, identity."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BLAZEPOSE_NAMES, COCO_NAMES

Points = npt.NDArray[np.float64]
"""(L, 4): x, y, z, visibility; NaN for what is not said."""

TIMES: Final = (
    *("time_s", "timestamp_s", "time", "timestamp", "timestamp_ms", "timestampMs", "time_ms"),
    *("frame_time_s", "time_sec", "seconds", "ms", "t"),
)
NUMBERS: Final = (
    *("frame", "frame_id", "frame_idx", "frame_index", "frame_number", "frame_num", "frameIndex"),
    *("frameNumber", "image_id", "index"),
)
IDENTITIES: Final = ("person", "person_id", "track_id", "id", "idx", "pose_id", "pose_index")
SURE: Final = ("visibility", "score", "confidence", "presence", "vis", "v", "c", "conf")
_BY_NAME: Final = {name.replace("_", ""): index for index, name in enumerate(BLAZEPOSE_NAMES)}


@dataclass(frozen=True, eq=False)
class Row:
    """A person in a frame, or a frame in which nobody was found (`points` is None)."""

    time: float | None
    number: float | None
    person: int | None
    points: Points | None
    world: Points | None = None


def landmark_of(name: str) -> int | None:
    """The index of a landmark by MediaPipe's name for it."""
    return _BY_NAME.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def by_index(found: Sequence[tuple[int, Sequence[float]]]) -> Points | None:
    """Landmarks by their index in BlazePose: all 33, or the 17 of COCO, in their order."""
    points = np.full((len(BLAZEPOSE_NAMES), 4), np.nan)
    for index, values in found:
        points[index] = values
    coco = [BLAZEPOSE_NAMES.index(name) for name in COCO_NAMES]
    indices = {index for index, _ in found}
    if indices == set(coco):
        return points[coco]
    return points if indices == set(range(len(BLAZEPOSE_NAMES))) else None


def number_of(*values: Any) -> float | None:
    """The first that is a number."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
