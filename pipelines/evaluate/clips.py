"""Clips with a count by eye, through the real pipeline."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from repscore.pipelines.evaluate.metrics import Outcome
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.query import query
from repscore.pipelines.score import run
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import PoseConfig, PoseFrames

TRUTH: Final = "ground_truth.csv"
MARKS: Final = "frame_marks"

_FOUND: Final = """
SELECT v.uri, r.person, list((r.start_s, r.end_s) ORDER BY r.start_s)
FROM repetitions r JOIN videos v USING (video_id) GROUP BY ALL
"""
_SEEN: Final = "SELECT uri, video_id, pose_version FROM videos"


@dataclass(frozen=True)
class Scored:
    """Outcomes of the clips, distances from marks, and a way to the poses of a clip by name."""

    outcomes: list[Outcome]
    marks_s: tuple[float, ...]
    poses: Callable[[str], PoseFrames | None]


def score(folder: Path, dataset: str, estimator: str, *, quiet: bool) -> Scored:
    """Score the clips of a folder into a dataset and compare; what it holds already is reused."""
    with (folder / TRUTH).open() as file:
        rows = [row for row in csv.DictReader(file) if row["confidence"] != "low" and row["reps"]]
    names = [row["file"] for row in rows if (folder / row["file"]).exists()]
    options = ScoreOptions(
        inputs=tuple(str(folder / name) for name in names),
        output=dataset,
        poses=PoseConfig(estimator=estimator),
    )
    run(options, quiet=quiet)
    found = _most_of_one_person(dataset)
    outcomes = [
        Outcome(row["file"], row["exercise"], int(row["reps"]), found.get(row["file"], ()))
        for row in rows
        if row["file"] in names
    ]
    distances: list[float] = []
    for name in names:
        marks = read_marks(folder / MARKS / f"{Path(name).stem}.csv")
        distances += mark_distances(marks, found.get(name, ()))
    version = options.poses.version()
    return Scored(outcomes, tuple(distances), lambda name: _poses(dataset, version, name))


def read_marks(path: Path) -> list[float]:
    """Times of the returns to the start position that are marked in a file; [] if there is none."""
    if not path.exists():
        return []
    with path.open() as file:
        return [float(row["time"]) for row in csv.DictReader(file) if float(row["label"]) > 0]


def mark_distances(marks: list[float], spans: tuple[tuple[float, float], ...]) -> list[float]:
    """Seconds from each mark to the nearest boundary found; those of a clip without any are inf."""
    bounds = np.array([bound for span in spans for bound in span])
    return [float(np.abs(bounds - mark).min(initial=np.inf)) for mark in marks]


def _most_of_one_person(dataset: str) -> Mapping[str, tuple[tuple[float, float], ...]]:
    """File name -> spans of the person who makes most repetitions."""
    relation = query(dataset, _FOUND)
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for uri, _, spans in relation.fetchall() if relation else []:
        own = tuple((float(start_s), float(end_s)) for start_s, end_s in spans)
        if len(own) > len(found.get(Path(uri).name, ())):
            found[Path(uri).name] = own
    return found


def _poses(dataset: str, version: str, name: str) -> PoseFrames | None:
    """The poses of the first person of a clip, from the dataset's pose store."""
    relation = query(dataset, _SEEN)
    for uri, video_id, pose_version in relation.fetchall() if relation else []:
        if Path(uri).name == name and pose_version == version:
            folder = Path(dataset) / "poses" / version / video_id[:2] / video_id
            parts = [read_people(str(path)).people for path in sorted(folder.glob("*.parquet"))]
            return together([people[min(people)] for people in parts if people])
    return None


def together(parts: list[PoseFrames]) -> PoseFrames | None:
    """Consecutive poses as one; None of nothing."""
    if not parts:
        return None
    return PoseFrames(
        topology=parts[0].topology,
        time_s=np.concatenate([part.time_s for part in parts]),
        image_px=np.concatenate([part.image_px for part in parts]),
        world_m=np.concatenate([part.world_m for part in parts]),
        visibility=np.concatenate([part.visibility for part in parts]),
    )
