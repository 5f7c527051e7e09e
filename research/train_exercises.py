"""Train the shipped recogniser: `python -m research.train_exercises FOLDER -o FILE`.

FOLDER is RepCount-pose by `python -m research.convert repcount SRC FOLDER`.
"""

from pathlib import Path

import click

from repscore.pipelines.flags import dataset_flag, workers_flag
from research.shipping import train_shipped


@click.command()
@click.argument("folder")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path))
@dataset_flag
@workers_flag
def train_exercises(folder: str, output: Path, dataset: str | None, workers: int) -> None:
    """Train on labelled repetitions, synthetic executions and synthetic outliers."""
    train_shipped(
        "research.train_exercises",
        folder,
        output,
        dataset,
        workers,
        data="RepCount-pose in annotated boundaries",
        licence="none stated: footage of RepCount, poses of PoseRAC",
        not_for=("judging a person: it says which exercise, and how usual its execution is",),
        picture=True,
        synthetic=200,
        synthetic_outliers=20,
    )


if __name__ == "__main__":
    train_exercises()
