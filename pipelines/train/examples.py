"""Repetitions with a known truth: what `train` learns from, whatever layout holds them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from repscore.models.scorer.represent import Execution
from repscore.pipelines.evaluate import irds, repcount
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import normalise
from repscore.transforms.repetitions.clean import RATE_HZ, clean, samples_of
from repscore.transforms.repetitions.measure import view
from repscore.transforms.score.repetitions import execution_of

Sensor = Literal["kinect", "picture", "body"]
"""A depth camera's joints in space, joints in the picture, or a pose estimator's body in space."""

_PICTURE_TORSO_HZ: Final = 30.0  # pose_trainer says nothing of time
_LIFTS: Final = {
    "bicep": "biceps_curl", "frontraise": "front_raise",
    "shoulderpress": "shoulder_press", "shouldershrug": "shoulder_shrug",
}  # fmt: skip
_COLUMNS: Final = ("video_uri", "repetition", "exercise")


@dataclass(frozen=True, eq=False)
class Example:
    """One repetition and its truth.

    Attributes:
        group: who performs it, or the video: never on both sides of a split.
        correct: None where nobody judged it.
        view: where the camera stands, None where that is not known or does not matter.
    """

    group: str
    exercise: str
    correct: bool | None
    view: str | None
    execution: Execution


@dataclass(frozen=True, eq=False)
class Examples:
    """The repetitions of one data set; `data` says in words what it is, and `licence` of whom."""

    items: Sequence[Example]
    sensor: Sensor
    data: str
    licence: str


class NoExamples(ValueError):
    """A path holds nothing to learn from."""


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
        items = [
            Example(one.subject, one.exercise, one.correct, None, one.execution)
            for one in irds.read_irds(path)
        ]
        return Examples(items, "kinect", f"IntelliRehabDS, {len(items)} repetitions", "CC BY 4.0")
    if (path / repcount.POSES).exists() and (path / repcount.ANNOTATIONS).exists():
        return _repcount(path)
    if all((path / lift).is_dir() for lift in _LIFTS):
        return _pose_trainer(path)
    if (path / "tables").exists():
        raise NoExamples(f"{path}: a dataset of repscore needs --labels CSV with the truth")
    raise NoExamples(
        f"{path}: expected {irds.SKELETONS} and {irds.INDEX}, {repcount.POSES} and "
        f"{repcount.ANNOTATIONS}, the folders {', '.join(_LIFTS)}, or a dataset of repscore "
        "with --labels"
    )


def _repcount(path: Path) -> Examples:
    items = [
        Example(one.name, one.exercise, None, seen_from, execution)
        for one in repcount.read_repcount(path)
        for execution, seen_from in cut(one.poses, one.truth)
    ]
    data = f"RepCount-pose, {len(items)} repetitions in annotated boundaries"
    return Examples(items, "picture", data, "none stated: footage of RepCount, poses of PoseRAC")


def _pose_trainer(path: Path) -> Examples:
    items = []
    for lift, exercise in _LIFTS.items():
        for file in sorted((path / lift).glob("*.npy")):
            poses = _openpose(np.load(file, allow_pickle=False))
            whole = (0.0, len(poses.time_s) / _PICTURE_TORSO_HZ)
            items += [
                Example(file.stem, exercise, "_good_" in file.name, seen_from, execution)
                for execution, seen_from in cut(poses, [whole])
            ]
    data = f"Pose Trainer, {len(items)} sequences without subjects"
    return Examples(items, "picture", data, "GPL-3.0 repository")


def _openpose(points: np.ndarray) -> PoseFrames:
    """Joints (N, 18, 3: x, y in pixels, confidence) of COCO-18; confidence 0 is not found."""
    found = points[..., 2] > 0
    image = np.concatenate([points[..., :2], np.full((*found.shape, 1), np.nan)], axis=-1)
    image[~found] = np.nan
    return PoseFrames(
        topology="coco18",
        time_s=np.arange(len(points)) / _PICTURE_TORSO_HZ,
        image_px=image.astype(np.float32),
        world_m=np.full_like(image, np.nan, dtype=np.float32),
        visibility=found.astype(np.float32),
    )


def cut(
    poses: PoseFrames, spans_s: Sequence[tuple[float, float]]
) -> list[tuple[Execution, str | None]]:
    """Executions in known boundaries [start, end), cleaned as the pipeline does, and their views.

    One turns where the person is farthest from the start. Spans of less than five instants of the
    grid, or in which nobody is seen, are left out.
    """
    samples = samples_of(poses)
    torso_px = normalise.torso_px(samples.image_px, samples.world_m)
    torso_m = normalise.torso_m(samples.world_m)
    count = int(np.floor(poses.time_s[-1] * RATE_HZ)) + 1
    joints, visibility = clean(samples, 0, count, torso_px)
    found = []
    for start_s, end_s in spans_s:
        rows = slice(round(start_s * RATE_HZ), min(round(end_s * RATE_HZ), count))
        image, world = joints[rows, :, :3], joints[rows, :, 3:]
        if len(image) < 5 or np.isnan(image[..., 0]).all():
            continue
        flat = normalise.flatten(image, torso_px)
        body = normalise.face_forward(world, torso_m)
        seen = np.flatnonzero(~np.isnan(flat[..., 0]).all(axis=1))
        away = np.nansum(np.linalg.norm(flat - flat[seen[0]], axis=-1), axis=1)
        time_s = np.arange(rows.start, rows.start + len(image)) / RATE_HZ
        end_s = (rows.start + len(image)) / RATE_HZ
        execution = Execution(
            start_s=float(time_s[0]),
            turn_s=float(time_s[int(away.argmax())]),
            end_s=end_s,
            time_s=time_s,
            flat=flat.astype(np.float16),
            body=body.astype(np.float16),
            visibility=visibility[rows].astype(np.float16),
        )
        found.append((execution, view(flat, body, world)))
    return found


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
    items, missing = [], []
    truth = {(row["video_uri"], int(row["repetition"])): row for row in rows}
    for recording in recordings_of(str(root)):
        ranked = sorted(recording.repetitions, key=lambda one: (one.start_s, one.person))
        for rank, repetition in enumerate(ranked):
            row = truth.pop((recording.video.uri, rank), None)
            if row is not None:
                correct = {"1": True, "0": False}.get(row.get("correct") or "")
                items.append(
                    Example(
                        group=row.get("subject") or recording.video.uri,
                        exercise=row["exercise"],
                        correct=correct,
                        view=repetition.view,
                        execution=execution_of(repetition),
                    )
                )
    missing = [f"{uri} repetition {rank}" for uri, rank in truth]
    if missing:
        raise NoExamples(f"{labels}: {missing[0]} is not in {root} ({len(missing)} rows in all)")
    deep = all(np.isfinite(one.execution.body).any() for one in items)
    return Examples(
        items, "body" if deep else "picture", f"{root}, {len(items)} repetitions", "own"
    )
