"""IntelliRehabDS in the layout skeletons.npz + index.csv.

Kinect v2 joints in metres: x to the sensor's left, y up, z away from it; the person faces it.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import JOINT
from research.layout import LabelRow, write_keypoints

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
_GAP_S: Final = 2.0
"""Between two repetitions of a file: nothing is bridged over it."""
_PX_PER_M, _MIDDLE_PX = 300.0, np.array([960.0, 540.0])


@dataclass(frozen=True, eq=False)
class IrdsRepetition:
    """One repetition: canonical joints (T, 15, 3) in metres, x image right, y down, z away."""

    subject: str
    patient: bool
    exercise: str
    correct: bool | None
    joints_m: Array

    @property
    def body(self) -> Array:
        """(T, 15, 3) x the person's left, y up, z forward, origin mid-hip, torso length one.

        Turned about the vertical once for all frames.
        """
        neck, hip = self.joints_m[:, JOINT["neck"]], self.joints_m[:, JOINT["mid_hip"]]
        torso_m = float(np.median(np.linalg.norm(neck - hip, axis=-1)))
        places = (self.joints_m - hip[:, None]) * np.array([1.0, -1.0, -1.0]) / torso_m
        left, right = (
            [JOINT[f"{side}_{part}"] for part in ("shoulder", "hip")] for side in ("left", "right")
        )
        across = (places[:, left] - places[:, right]).mean(axis=(0, 1))
        cosine, sine = across[[0, 2]] / np.linalg.norm(across[[0, 2]])
        x, y, z = np.moveaxis(places, -1, 0)
        return np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)


def read_irds(folder: Path) -> list[IrdsRepetition]:
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
    repetitions = []
    for row in rows:
        offset, frames = int(row["offset"]), int(row["frames"])
        if not 0 <= offset < offset + frames <= len(xyz):
            raise ValueError(
                f"{folder / INDEX}: frames {offset} to {offset + frames} of {len(xyz)} in "
                f"{SKELETONS}; the two files do not belong together"
            )
        repetitions.append(
            IrdsRepetition(
                subject=row["subject"],
                patient=row["subject"].startswith("2"),
                exercise=GESTURES[int(row["gesture"])],
                correct={"1": True, "2": False}.get(row["correctness"]),
                joints_m=xyz[offset : offset + frames] * np.array([-1.0, -1.0, 1.0]),
            )
        )
    return repetitions


def convert(source: Path, target: Path) -> Iterator[LabelRow]:
    """Write one file per subject and gesture, its repetitions one after the other; their labels."""
    groups: dict[str, list[IrdsRepetition]] = defaultdict(list)
    for repetition in read_irds(source):
        groups[f"{repetition.subject}-{repetition.exercise}.keypoints.npz"].append(repetition)
    for name, repetitions in groups.items():
        start_s, times = 0.0, []
        for repetition in repetitions:
            frames = len(repetition.joints_m)
            times.append(start_s + np.arange(frames) / RATE_HZ)
            end_s = start_s + frames / RATE_HZ
            group = "patient" if repetition.patient else "healthy"
            yield LabelRow(
                name, repetition.exercise, start_s, end_s,
                correct=repetition.correct, subject=repetition.subject, group=group,
            )  # fmt: skip
            start_s = end_s + _GAP_S
        joints_m = np.concatenate([repetition.joints_m for repetition in repetitions])
        write_keypoints(
            target / name,
            "canonical15",
            np.concatenate(times),
            image_px=joints_m[..., :2] * _PX_PER_M + _MIDDLE_PX,  # orthographic
            world_m=joints_m - joints_m[:, JOINT["mid_hip"], None],
        )
