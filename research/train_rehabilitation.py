"""Train the shipped judge of gestures: `python -m research.train_rehabilitation FOLDER -o FILE`.

FOLDER is IntelliRehabDS by `python -m research.convert irds SRC FOLDER`.
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
def train_rehabilitation(folder: str, output: Path, dataset: str | None, workers: int) -> None:
    """Train on labelled repetitions alone."""
    train_shipped(
        "research.train_rehabilitation",
        folder,
        output,
        dataset,
        workers,
        data="IntelliRehabDS, joints of a Kinect v2",
        licence="CC BY 4.0",
        not_for=(
            "diagnosis or deciding on a therapy",
            "joints of anything but a Kinect v2, without evidence that they measure alike",
        ),
    )


if __name__ == "__main__":
    train_rehabilitation()
