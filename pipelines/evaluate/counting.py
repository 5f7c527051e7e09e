"""`repscore evaluate counting`: counts and boundaries beside the truth."""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table

from repscore.models.phases.metrics import (
    OVERLAPS,
    CountingFigures,
    CountingResult,
    Spans,
    counting_figures,
)
from repscore.pipelines.labelled import require_inputs, scored
from repscore.pipelines.labels import LabelledInput
from repscore.pipelines.progress import console
from repscore.pipelines.query import plain, query
from repscore.pipelines.terminal import echo
from repscore.transforms.records import PoseConfig

_HEADINGS: Final = ("videos", "OBO", "exact", "MAE", *(f"F1 at {overlap}" for overlap in OVERLAPS))


_REPETITIONS: Final = """
SELECT v.uri, list((r.start_s, r.end_s) ORDER BY r.start_s) FILTER (r.start_s IS NOT NULL)
FROM videos v LEFT JOIN repetitions r USING (video_id)
GROUP BY v.uri, r.person ORDER BY v.uri, r.person
"""


def evaluate(
    folder: str,
    *,
    labels: str | None = None,
    dataset: str | None = None,
    estimator: str = "blazepose",
    table: Path | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Evaluate labelled inputs; print figures or one JSON object, write a CSV row per input.

    Raises LabelsUnusable, and UnusableConfiguration.
    """
    poses = PoseConfig(estimator=estimator)
    with scored(folder, labels, dataset, poses, quiet=quiet or as_json) as (root, inputs):
        results = results_of(root, inputs)
    if table is not None:
        write_results(table, results)
    if as_json:
        by_exercise = _by_exercise(results).items()
        figures = {
            "all": asdict(counting_figures(results)),
            "exercises": {name: asdict(counting_figures(group)) for name, group in by_exercise},
        }
        echo(json.dumps(plain(figures)))
    else:
        show_results({"repscore": results})


def results_of(root: str, inputs: Sequence[LabelledInput]) -> list[CountingResult]:
    """A result per labelled input; raises LabelsUnusable for one that is not in the dataset."""
    counted = counted_in(root)
    require_inputs(root, inputs, counted)
    return [result_of(labelled, counted[labelled.uri]) for labelled in inputs]


def counted_in(root: str) -> dict[str, Spans]:
    """URI of every video of a dataset -> spans of the person with most repetitions."""
    counted: dict[str, Spans] = {}
    relation = query(root, _REPETITIONS)
    for uri, repetitions in relation.fetchall() if relation else []:
        spans = tuple((float(start_s), float(end_s)) for start_s, end_s in repetitions or ())
        counted[uri] = max(counted.get(uri, ()), spans, key=len)
    return counted


def result_of(labelled: LabelledInput, predicted: Spans) -> CountingResult:
    """The counted repetitions of an input beside its labels."""
    truth = tuple((each.start_s, each.end_s) for each in labelled.repetitions)
    known = bool(truth) or labelled.count == 0
    exercise = labelled.exercise or ""
    return CountingResult(
        labelled.uri, exercise, labelled.count, predicted, truth if known else None
    )


def show_results(methods: Mapping[str, Sequence[CountingResult]]) -> None:
    """Print the figures of every method over all videos, and those of the first per exercise."""
    out = console(sys.stdout, width=140)
    overall = _table("all videos")
    for name, results in methods.items():
        overall.add_row(name, *_cells(counting_figures(results)))
    out.print(overall)
    by_exercise = _table("exercise")
    for exercise, results in _by_exercise(next(iter(methods.values()))).items():
        by_exercise.add_row(exercise, *_cells(counting_figures(results, interval=False)))
    out.print()
    out.print(by_exercise)


def _by_exercise(results: Sequence[CountingResult]) -> dict[str, list[CountingResult]]:
    groups = defaultdict[str, list[CountingResult]](list)
    for result in sorted(results, key=lambda result: result.exercise):
        groups[result.exercise].append(result)
    return groups


def _table(first_heading: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first_heading, no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(figures: CountingFigures) -> list[str]:
    """A figure per heading; a dash where it is not known."""
    values = [figures.obo, figures.mae, *figures.f1]
    cells = ["-" if np.isnan(value) else f"{value:.2f}" for value in values]
    if figures.low:
        cells = [
            cell if cell == "-" else f"{cell} ({low:.2f}-{high:.2f})"
            for cell, low, high in zip(cells, figures.low, figures.high, strict=True)
        ]
    return [str(figures.videos), cells[0], f"{figures.exact:.2f}", *cells[1:]]


def write_results(path: Path, results: Sequence[CountingResult]) -> None:
    """A CSV row per video: counts, and the predicted and the true spans in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("input", "exercise", "count", "counted", "error", "counted_s", "truth_s"))
        for result in results:
            rows.writerow(
                (result.name, result.exercise, result.count, len(result.predicted), result.error)
                + (_in_seconds(result.predicted), _in_seconds(result.truth or ()))
            )


def _in_seconds(spans: Spans) -> str:
    return " ".join(f"{start_s:.2f}-{end_s:.2f}" for start_s, end_s in spans)
