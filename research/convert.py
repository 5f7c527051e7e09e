"""Public data sets in the layout of `repscore train`: `python -m research.convert SET SRC DST`."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from research import ground_truth, irds, pose_trainer, repcount
from research.layout import LabelRow, write_labels

CONVERTERS: Final[Mapping[str, Callable[[Path, Path], Iterable[LabelRow]]]] = {
    "irds": irds.convert,
    "pose-trainer": pose_trainer.convert,
    "repcount": repcount.convert,
    "countix": repcount.convert,
    "ground-truth": ground_truth.convert,
}
"""Data set -> (source, target) writes the inputs and gives their labels."""


@click.command()
@click.argument("name", metavar="SET", type=click.Choice(list(CONVERTERS)))
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
def convert(name: str, source: Path, target: Path) -> None:
    """Write a public data set as inputs with labels.csv."""
    target.mkdir(parents=True, exist_ok=True)
    try:
        rows = list(CONVERTERS[name](source, target))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    write_labels(target, rows)
    click.echo(f"{target}: {len({row.input for row in rows})} inputs, {len(rows)} labels")


if __name__ == "__main__":
    convert()
