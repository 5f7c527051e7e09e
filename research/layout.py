"""The layout of labelled data that `repscore train` and `evaluate` read: writing and reading it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.pipelines.labels import LABELS, LabelledInput, read_labels
from repscore.transforms.records import PoseFrames

KEYPOINTS: Final = ".keypoints.npz"


@dataclass(frozen=True)
class LabelRow:
    """One row of labels.csv: a repetition in [start_s, end_s), or the count of a whole input."""

    input: str
    exercise: str = ""
    start_s: float | None = None
    end_s: float | None = None
    count: int | None = None
    correct: bool | None = None
    subject: str = ""
    group: str = ""


def write_labels(folder: Path, rows: Iterable[LabelRow]) -> None:
    """Write labels.csv into a folder."""
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [field.name for field in fields(LabelRow)]
        writer.writerow(names)
        writer.writerows([_text(getattr(row, name)) for name in names] for row in rows)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(int(value)) if isinstance(value, bool) else str(value)


def write_keypoints(
    path: Path, topology: str, time_s: npt.NDArray[np.float64], **arrays: npt.NDArray[Any]
) -> None:
    """Write a file of keypoints; arrays as in repscore.transforms.keypoints.npz, NaN unseen."""
    small: dict[str, Any] = {name: each.astype(np.float32) for name, each in arrays.items()}
    np.savez_compressed(path, topology=np.array(topology), time_s=time_s, **small)


def write_poses(path: Path, poses: PoseFrames) -> None:
    """Write one person's poses as a file of keypoints."""
    write_keypoints(
        path,
        poses.topology,
        poses.time_s,
        image_px=poses.image_px,
        world_m=poses.world_m,
        visibility=poses.visibility,
    )


def read_image_poses(folder: Path) -> list[tuple[LabelledInput, PoseFrames]]:
    """Labels and poses of the files that `write_poses` wrote, without the depth (world landmarks).

    The depth is what BlazePose guesses: the phase network learns and is judged without it.
    """
    return [(labelled, _image_poses(Path(labelled.uri))) for labelled in read_labels(str(folder))]


def _image_poses(path: Path) -> PoseFrames:
    with np.load(path) as archive:
        image_px = archive["image_px"]
        return PoseFrames(
            topology=str(archive["topology"]),
            time_s=archive["time_s"],
            image_px=image_px,
            world_m=np.full_like(image_px, np.nan),
            visibility=archive["visibility"],
        )


def name_of(labelled: LabelledInput) -> str:
    """The name that the input has in the data set that it was converted from."""
    return Path(labelled.uri).name.removesuffix(KEYPOINTS)
