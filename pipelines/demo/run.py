"""`repscore demo`: clips with a known truth, the real pipeline, and truth beside result."""

import filecmp
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from repscore.models import weights
from repscore.pipelines.demo.cast import CAST, TRUTH_FILE, Performance, write_cast, write_truth
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.progress import console
from repscore.pipelines.query import query
from repscore.pipelines.ready import check_output
from repscore.pipelines.score import UnusableConfiguration, run
from repscore.pipelines.terminal import echo
from repscore.transforms.tables.delta import UnusableRootError

_PER_CLIP: Final = """
SELECT v.uri, count(r.repetition), avg(r.score), any_value(r.exercise)
FROM videos v LEFT JOIN repetitions r USING (video_id) GROUP BY v.uri
"""


@dataclass(frozen=True, slots=True)
class Result:
    """The pipeline's result for a performance."""

    performance: Performance
    repetitions: int
    mean_score: float | None
    exercise: str | None


def run_demo(output: str, *, quiet: bool) -> int:
    """Render the clips, score them against the references, print truth beside result; 0."""
    folder = Path(output)
    try:
        check_output(output)
        results = demo(folder, quiet=quiet)
    except (UnusableConfiguration, UnusableRootError, weights.WeightsMissing) as error:
        raise click.ClickException(str(error)) from error
    _show(results)
    echo(
        f"\nThe clips are in {folder / 'clips'}, the dataset in {folder / 'dataset'}. Go on with\n"
        f"  repscore summary {folder / 'dataset'}\n"
        f'  repscore query {folder / "dataset"} "select message, count(*) from feedback group by 1"'
    )
    return 0


def demo(
    folder: Path, performances: Sequence[Performance] = CAST, *, quiet: bool = True
) -> list[Result]:
    """Results of the performances that are no references, in their order.

    Clips that exist already are not rendered again.
    """
    if not weights.present("full"):
        console().print("obtaining the weights of the pose model")
        weights.obtain(["full"])
    clips = folder / "clips"
    if not _are_rendered(clips, performances):
        out = console()

        def report(done: int, total: int) -> None:
            if not quiet:
                out.print(f"rendered clip {done} of {total}")

        write_cast(clips, report, performances)
    scored = [performance for performance in performances if not performance.reference]
    options = ScoreOptions(
        inputs=tuple(str(clips / performance.file_name) for performance in scored),
        output=str(folder / "dataset"),
        references=tuple(
            (performance.exercise, str(clips / performance.file_name))
            for performance in performances
            if performance.reference
        ),
    )
    run(options, quiet=quiet)
    relation = query(options.output, _PER_CLIP)
    columns = {Path(row[0]).name: row[1:] for row in relation.fetchall()} if relation else {}
    return [Result(performance, *columns[performance.file_name]) for performance in scored]


def _are_rendered(clips: Path, performances: Sequence[Performance]) -> bool:
    if not all((clips / performance.file_name).exists() for performance in performances):
        return False
    with TemporaryDirectory() as folder:
        expected = Path(folder, TRUTH_FILE)
        write_truth(expected, performances)
        return (clips / TRUTH_FILE).exists() and filecmp.cmp(
            expected, clips / TRUTH_FILE, shallow=False
        )


def _show(results: Sequence[Result]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("performer", "exercise", "recognised", "truth", "counted", "fault", "score"):
        table.add_column(heading, justify="right" if heading in ("truth", "counted") else "left")
    for result in results:
        truth = result.performance
        right = result.repetitions == truth.repetitions
        score = "-" if result.mean_score is None else f"{result.mean_score:.0f}"
        table.add_row(
            truth.performer,
            truth.exercise,
            result.exercise or "-",
            str(truth.repetitions),
            Text(str(result.repetitions), "" if right else "red"),
            truth.fault,
            Text(score, "green" if truth.fault == "clean" else "yellow"),
        )
    console(sys.stdout).print(table)
    exact = sum(result.repetitions == result.performance.repetitions for result in results)
    echo(f"\n{exact} of {len(results)} counts exact.")
