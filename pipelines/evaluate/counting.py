"""`repscore evaluate counting`: counts and boundaries beside the truth."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from repscore.models.phases import network
from repscore.pipelines.evaluate import baselines, clips, repcount
from repscore.pipelines.evaluate.metrics import OVERLAPS, Figures, Outcome, figures
from repscore.pipelines.evaluate.repcount import LabelledPoses
from repscore.pipelines.query import plain
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import motion

OURS: Final = "repscore"


@dataclass(frozen=True)
class Evaluation:
    """What was found by each method in every video, and how far returns are from marks.

    Attributes:
        outcomes: method -> one outcome per video; OURS is the segmenter.
        marks_s: seconds from each marked return to the nearest one found; empty without marks.
        remarks: what a reader of the figures must know.
    """

    outcomes: Mapping[str, Sequence[Outcome]]
    marks_s: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


def evaluate(
    path: Path,
    *,
    dataset: str | None = None,
    estimator: str = "blazepose",
    table: Path | None = None,
    plots: Path | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Evaluate a folder in one of the two layouts; print figures, write a CSV row per video."""
    if (path / repcount.POSES).exists() and (path / repcount.ANNOTATIONS).exists():
        sequences = repcount.read_repcount(path)
        evaluation = of_sequences(sequences)
        poses: Callable[[str], PoseFrames | None] = {s.name: s.poses for s in sequences}.get
        _finish(evaluation, poses, table, plots, as_json=as_json)
    elif (path / clips.TRUTH).exists():
        with TemporaryDirectory() as temporary:
            root = dataset or temporary
            found = clips.score(path, root, estimator, quiet=quiet or as_json)
            evaluation = Evaluation(
                {OURS: found.outcomes},
                found.marks_s,
                ("Clips whose truth has the confidence low are left out.",),
            )
            _finish(evaluation, found.poses, table, plots, as_json=as_json)
    else:
        raise click.UsageError(
            f"{path}: expected {repcount.POSES} and {repcount.ANNOTATIONS}, or clips and "
            f"{clips.TRUTH}"
        )


def of_sequences(sequences: Sequence[LabelledPoses]) -> Evaluation:
    """Every method on sequences of poses."""
    methods: Mapping[str, Callable[[LabelledPoses], Sequence[tuple[float, float]]]] = {
        OURS: segmented,
        "autocorrelation and peaks": lambda one: baselines.autocorrelation_peaks(one.poses),
        "principal component and peaks": lambda one: baselines.component_peaks(one.poses),
    }
    return Evaluation(
        {
            name: [
                Outcome(one.name, one.exercise, one.count, tuple(method(one)), one.truth)
                for one in sequences
            ]
            for name, method in methods.items()
        }
    )


def segmented(one: LabelledPoses) -> list[tuple[float, float]]:
    """Spans of the repetitions in a sequence, as the pipeline would cut it.

    A video that the shipped network was trained on is left to one that was trained without it.
    """
    phases = network.held_out().get(one.name, network.shipped())
    state, found = motion.step(motion.start(0), one.poses, phases)
    return [(each.start_s, each.end_s) for each in (*found, *motion.finish(state, phases))]


def _finish(
    evaluation: Evaluation,
    poses: Callable[[str], PoseFrames | None],
    table: Path | None,
    plots: Path | None,
    *,
    as_json: bool,
) -> None:
    if table is not None:
        _write(table, evaluation.outcomes[OURS])
    if as_json:
        click.echo(json.dumps(plain(_as_json(evaluation))))
    else:
        show(evaluation)
    if plots is not None:
        from repscore.pipelines.evaluate.plot import draw_worst  # matplotlib is slow to import

        drawn = draw_worst(evaluation.outcomes[OURS], poses, plots)
        if not as_json:
            click.echo(f"{len(drawn)} plots of the worst videos in {plots}")


def show(evaluation: Evaluation) -> None:
    """Print the figures of every method in all, and ours per exercise."""
    console = Console(highlight=False, width=140)
    overall = Table(box=None, pad_edge=False, title_justify="left")
    for heading in ("in all", "videos", "OBO", "exact", "MAE", *(f"F1 at {o}" for o in OVERLAPS)):
        left = heading == "in all"
        overall.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for name, outcomes in evaluation.outcomes.items():
        overall.add_row(name, *_cells(figures(outcomes)))
    console.print(overall)
    ours = evaluation.outcomes[OURS]
    each = Table(box=None, pad_edge=False)
    for heading in ("exercise", "videos", "OBO", "exact", "MAE", *(f"F1 at {o}" for o in OVERLAPS)):
        each.add_column(heading, justify="left" if heading == "exercise" else "right")
    for exercise in sorted({outcome.exercise for outcome in ours}):
        own = [outcome for outcome in ours if outcome.exercise == exercise]
        each.add_row(exercise, *_cells(figures(own, interval=False)))
    console.print()
    console.print(each)
    if evaluation.marks_s:
        marks = np.array(evaluation.marks_s)
        console.print(
            f"\nMarked returns: {len(marks)}, distance to the nearest return found: median "
            f"{np.median(marks):.2f} s, 90 % within {np.percentile(marks, 90):.2f} s"
        )
    for remark in evaluation.remarks:
        console.print(f"\n{remark}")


def _cells(found: Figures) -> list[str]:
    values = [found.obo, found.mae, *found.f1]
    cells = []
    for index, value in enumerate(values):
        text = "-" if np.isnan(value) else f"{value:.2f}"
        if found.low and not np.isnan(value):
            text += f" ({found.low[index]:.2f}-{found.high[index]:.2f})"
        cells.append(text)
    return [str(found.videos), cells[0], f"{found.exact:.2f}", *cells[1:]]


def _as_json(evaluation: Evaluation) -> dict[str, object]:
    return {
        "methods": {name: asdict(figures(found)) for name, found in evaluation.outcomes.items()},
        "marks_median_s": float(np.median(evaluation.marks_s)) if evaluation.marks_s else None,
    }


def _write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A row per video: counts, and the found and the true spans in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("video", "exercise", "truth", "counted", "off", "found_s", "truth_s"))
        for one in outcomes:
            rows.writerow(
                (one.name, one.exercise, one.count, len(one.found), one.off)
                + (_spans(one.found), _spans(one.truth or ()))
            )


def _spans(spans: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{start_s:.2f}-{end_s:.2f}" for start_s, end_s in spans)
