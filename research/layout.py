"""The layout of labelled data that `repscore train` and `repscore evaluate` read, to be written."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from repscore.pipelines.labels import LABELS


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
