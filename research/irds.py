"""IntelliRehabDS in the layout skeletons.npz + index.csv, as labelled executions.

Kinect v2 joints in metres: x to the sensor's left, y up, z away from it; the person faces it.
"""

import csv
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import JOINT
from repscore.pipelines.evaluate.labelled import Labelled

Array = npt.NDArray[np.float64]

SKELETONS, INDEX = "skeletons.npz", "index.csv"
RATE_HZ: Final = 30.0
GESTURES: Final = (
    "elbow_flexion_right", "elbow_flexion_left", "shoulder_flexion_right",
    "shoulder_flexion_left", "shoulder_abduction_right", "shoulder_abduction_left",
    "shoulder_forward_elevation", "side_tap_right", "side_tap_left",
)  # fmt: skip
"""In the order of the labels 0..8, named by the side whose joints move in the skeletons.

The paper calls label 0 the left elbow; the sensor's names of joints say the right one.
"""

_COLUMNS: Final = frozenset({"subject", "gesture", "correctness", "frames", "offset"})
# Of each canonical joint; the neck lies between the shoulders.
_KINECT: Final = (
    "Head", "SpineShoulder",
    "ShoulderRight", "ElbowRight", "WristRight", "ShoulderLeft", "ElbowLeft", "WristLeft",
    "SpineBase", "HipRight", "KneeRight", "AnkleRight", "HipLeft", "KneeLeft", "AnkleLeft",
)  # fmt: skip


def read_irds(folder: Path) -> list[Labelled]:
    """All repetitions of a folder.

    Raises ValueError for columns, joints or frames that are missing.
    """
    with np.load(folder / SKELETONS, allow_pickle=False) as archive:
        joints = [str(name) for name in archive["joints"]]
        if missing := sorted(set(_KINECT) - set(joints)):
            raise ValueError(f"{folder / SKELETONS}: joints {missing} are missing; found {joints}")
        xyz = archive["xyz"][:, [joints.index(name) for name in _KINECT]].astype(np.float64)
    with (folder / INDEX).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not rows[0].keys() >= _COLUMNS:
        raise ValueError(f"{folder / INDEX}: expected rows with the columns {sorted(_COLUMNS)}")
    found = []
    for row in rows:
        offset, frames = int(row["offset"]), int(row["frames"])
        if not 0 <= offset < offset + frames <= len(xyz):
            raise ValueError(
                f"{folder / INDEX}: frames {offset} to {offset + frames} of {len(xyz)} in "
                f"{SKELETONS}; the two files do not belong together"
            )
        found.append(
            Labelled(
                subject=row["subject"],
                patient=row["subject"].startswith("2"),
                exercise=GESTURES[int(row["gesture"])],
                correct={"1": True, "2": False}.get(row["correctness"]),
                execution=execution_of(xyz[offset : offset + frames]),
            )
        )
    return found


def execution_of(xyz: Array) -> Execution:
    """Canonical joints (T, 15, 3) of the sensor as one execution that turns where it is farthest.

    Turned about the vertical once for all frames, origin mid-hip, torso length one.
    """
    neck, hip = JOINT["neck"], JOINT["mid_hip"]
    torso = float(np.median(np.linalg.norm(xyz[:, neck] - xyz[:, hip], axis=-1)))
    places = (xyz - xyz[:, hip : hip + 1]) * np.array([-1.0, 1.0, -1.0]) / torso
    left, right = (
        [JOINT[f"{side}_{part}"] for part in ("shoulder", "hip")] for side in ("left", "right")
    )
    across = (places[:, left] - places[:, right]).mean(axis=(0, 1))
    cosine, sine = across[[0, 2]] / np.linalg.norm(across[[0, 2]])
    x, y, z = np.moveaxis(places, -1, 0)
    body = np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)
    time_s = np.arange(len(body)) / RATE_HZ
    away = np.linalg.norm(body - body[:1], axis=-1).sum(axis=1)
    return Execution(
        start_s=0.0,
        turn_s=float(time_s[away.argmax()]),
        end_s=len(body) / RATE_HZ,
        time_s=time_s,
        flat=np.full((len(body), 15, 2), np.nan),
        body=body,
        visibility=np.ones((len(body), 15)),
    )
