"""Clips with a count by eye, through the real pipeline."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from repscore.models.phases.metrics import CountingResult, Spans
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.query import query
from repscore.pipelines.score import run
from repscore.transforms.records import PoseConfig

TRUTH: Final = "ground_truth.csv"

_REPETITIONS: Final = """
SELECT v.uri, r.person, list((r.start_s, r.end_s) ORDER BY r.start_s)
FROM repetitions r JOIN videos v USING (video_id) GROUP BY ALL
"""


def score(folder: Path, dataset: str, estimator: str, *, quiet: bool) -> list[CountingResult]:
    """Score the clips of a folder into a dataset and compare; what it holds already is reused."""
    with (folder / TRUTH).open() as file:
        rows = [row for row in csv.DictReader(file) if row["confidence"] != "low" and row["reps"]]
    rows = [row for row in rows if (folder / row["file"]).exists()]
    options = ScoreOptions(
        inputs=tuple(str(folder / row["file"]) for row in rows),
        output=dataset,
        poses=PoseConfig(estimator=estimator),
    )
    run(options, quiet=quiet)
    spans = counted(dataset)
    return [
        CountingResult(row["file"], row["exercise"], int(row["reps"]), spans.get(row["file"], ()))
        for row in rows
    ]


def counted(dataset: str) -> Mapping[str, Spans]:
    """File name -> spans of the person who makes most repetitions."""
    relation = query(dataset, _REPETITIONS)
    most: dict[str, Spans] = {}
    for uri, _, repetitions in relation.fetchall() if relation else []:
        spans = tuple((float(start_s), float(end_s)) for start_s, end_s in repetitions)
        if len(spans) > len(most.get(Path(uri).name, ())):
            most[Path(uri).name] = spans
    return most
