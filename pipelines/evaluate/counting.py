"""`repscore evaluate counting`: counts and boundaries beside the truth."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from repscore.models.phases.metrics import (
    OVERLAPS,
    CountingFigures,
    CountingResult,
    Spans,
    counting_figures,
)
from repscore.pipelines.evaluate import clips
from repscore.pipelines.query import plain

_HEADINGS = ("videos", "OBO", "exact", "MAE", *(f"F1 at {overlap}" for overlap in OVERLAPS))


def evaluate(
    path: Path,
    *,
    dataset: str | None = None,
    estimator: str = "blazepose",
    table: Path | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Evaluate a folder; print figures, write a CSV row per video."""
    if not (path / clips.TRUTH).exists():
        raise click.UsageError(f"{path}: expected clips and {clips.TRUTH}")
    with TemporaryDirectory() as temporary:
        results = clips.score(path, dataset or temporary, estimator, quiet=quiet or as_json)
    if table is not None:
        write_results(table, results)
    if as_json:
        click.echo(json.dumps(plain(asdict(counting_figures(results)))))
    else:
        show_results({"repscore": results})


def show_results(methods: Mapping[str, Sequence[CountingResult]]) -> None:
    """Print the figures of every method over all videos, and those of the first per exercise."""
    console = Console(highlight=False, width=140)
    overall = _table("all videos")
    for name, results in methods.items():
        overall.add_row(name, *_cells(counting_figures(results)))
    console.print(overall)
    first = next(iter(methods.values()))
    by_exercise = _table("exercise")
    for exercise in sorted({result.exercise for result in first}):
        results = [result for result in first if result.exercise == exercise]
        by_exercise.add_row(exercise, *_cells(counting_figures(results, interval=False)))
    console.print()
    console.print(by_exercise)


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
