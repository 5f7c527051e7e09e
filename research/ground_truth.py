"""Clips with `ground_truth.csv` in the labelled layout: counts by eye."""

import csv
from collections.abc import Iterator
from pathlib import Path

from research.layout import LabelRow

TRUTH = "ground_truth.csv"


def convert(source: Path, _target: Path) -> Iterator[LabelRow]:
    """Labels that name the clips where they are; counts that are not sure are left out."""
    with (source / TRUTH).open() as file:
        for row in csv.DictReader(file):
            clip = (source / row["file"]).absolute()
            if row["confidence"] != "low" and row["reps"] and clip.exists():
                yield LabelRow(str(clip), row["exercise"], count=int(row["reps"]))
