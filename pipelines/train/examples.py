"""Repetitions with a known truth: what `train` learns from, whatever layout holds them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from repscore.pipelines.evaluate import irds, repcount
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.lifts import LIFTS, read_lifts
from repscore.transforms.repetitions.measure import view

Sensor = Literal["kinect", "picture", "body"]
"""A depth camera's joints in space, joints in the picture, or a pose estimator's body in space."""

_COLUMNS: Final = ("video_uri", "repetition", "exercise")


@dataclass(frozen=True, eq=False)
class Examples:
    """The repetitions of one data set, and the view of each; None where it does not matter.

    `data` says in words what it is, `licence` under which terms it is to be had.
    """

    items: Sequence[Labelled]
    views: Sequence[str | None]
    sensor: Sensor
    data: str
    licence: str


class NoExamples(ValueError):
    """A path holds nothing to learn from."""


def read_all(paths: Sequence[Path], labels: Path | None) -> list[Examples]:
    """The repetitions of each folder; labels belong to those that are datasets of ours.

    Raises NoExamples, or ValueError of the layouts.
    """
    ours = [path for path in paths if (path / "tables").exists()]
    if labels is not None and not ours:
        raise NoExamples(
            f"--labels {labels}: for a dataset of repscore, with tables/; found "
            f"{', '.join(map(str, paths))}, which say themselves what is true: leave the labels out"
        )
    found = [read_examples(path, labels if path in ours else None) for path in paths]
    for path, examples in zip(paths, found, strict=True):
        if not examples.items:
            raise NoExamples(
                f"{path}: expected repetitions in which somebody is seen for a third of a second "
                "at least, found none: see whether its files hold joints"
            )
    return found


def read_examples(path: Path, labels: Path | None) -> Examples:
    """The repetitions of a folder in one of the layouts that `repscore train` knows.

    Args:
        labels: CSV with the truth of a dataset of ours.

    Raises:
        NoExamples: an unknown layout, labels that fit nothing, or ValueError of the layouts.
    """
    if labels is not None:
        return _own(path, labels)
    if (path / irds.SKELETONS).exists() and (path / irds.INDEX).exists():
        found = irds.read_irds(path)
        data = f"IntelliRehabDS, {len(found)} repetitions"
        return Examples(found, [None] * len(found), "kinect", data, "CC BY 4.0")
    if (path / repcount.POSES).exists() and (path / repcount.ANNOTATIONS).exists():
        found = repcount.read_executions(path)
        data = f"RepCount-pose, {len(found)} repetitions in annotated boundaries"
        return _pictures(found, data, "none stated: footage of RepCount, poses of PoseRAC")
    if all((path / lift).is_dir() for lift in LIFTS):
        found = read_lifts(path)
        data = f"Pose Trainer, {len(found)} sequences without subjects"
        return _pictures(found, data, "GPL-3.0 repository")
    if (path / "tables").exists():
        raise NoExamples(f"{path}: a dataset of repscore needs --labels CSV with the truth")
    raise NoExamples(
        f"{path}: expected {irds.SKELETONS} and {irds.INDEX}, {repcount.POSES} and "
        f"{repcount.ANNOTATIONS}, the folders {', '.join(LIFTS)}, or a dataset of repscore "
        "with --labels"
    )


def _seen_from(one: Labelled) -> str | None:
    """Where the camera stands, told from the picture."""
    flat = np.asarray(one.execution.flat, np.float64)
    depth = np.full((*flat.shape[:2], 3), np.nan)
    return view(flat, depth, depth)


def _pictures(items: Sequence[Labelled], data: str, licence: str) -> Examples:
    return Examples(items, list(map(_seen_from, items)), "picture", data, licence)


def _own(root: Path, labels: Path) -> Examples:
    """A dataset of ours: rows of `repetitions` by (video_uri, repetition), truth from a CSV."""
    from repscore.pipelines.rescore import recordings_of  # Beam waits until it is needed

    try:
        with labels.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise NoExamples(f"--labels {labels}: {error.strerror}") from error
    if not rows or not rows[0].keys() >= set(_COLUMNS):
        raise NoExamples(
            f"{labels}: expected rows with the columns {', '.join(_COLUMNS)} and, where known, "
            f"correct (1 or 0) and subject; found {', '.join(rows[0]) if rows else 'no rows'}"
        )
    items, views = [], []
    truth = {(row["video_uri"], int(row["repetition"])): row for row in rows}
    for recording in recordings_of(str(root)):
        ranked = sorted(recording.repetitions, key=lambda one: (one.start_s, one.person))
        for rank, repetition in enumerate(ranked):
            row = truth.pop((recording.video.uri, rank), None)
            if row is not None:
                correct = {"1": True, "0": False}.get(row.get("correct") or "")
                subject = row.get("subject") or recording.video.uri
                items.append(Labelled(subject, False, row["exercise"], correct, repetition))
                views.append(repetition.view)
    missing = [f"{uri} repetition {rank}" for uri, rank in truth]
    if missing:
        raise NoExamples(f"{labels}: {missing[0]} is not in {root} ({len(missing)} rows in all)")
    deep = all(np.isfinite(one.execution.body).any() for one in items)
    data = f"{root.name}, {len(items)} repetitions"
    return Examples(items, views, "body" if deep else "picture", data, "own")
