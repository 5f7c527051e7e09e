"""What both shipped scorers have in common: labelled data in, the scorer and its card out."""

import os
from pathlib import Path

import click

from benchmarks.machine import describe
from repscore.models.scorer.examples import TrainingSet
from repscore.pipelines.labelled import examples_of, scored
from repscore.pipelines.train import TrainOptions, train_on
from research.methods import in_picture
from research.synthetic.executions import outliers, synthetic_executions


def train_shipped(
    module: str,
    folder: str,
    output: Path,
    dataset: str | None,
    workers: int,
    *,
    data: str,
    licence: str,
    not_for: tuple[str, ...],
    picture: bool = False,
    synthetic: int = 0,
    synthetic_outliers: int = 0,
) -> None:
    """Train a scorer as `repscore train` does, with so many synthetic executions of each exercise.

    Args:
        module: the command, for the card.
        data, licence, not_for: what the card says of them.
        picture: learn from joints in the picture, though the data have a guessed depth.
        synthetic_outliers: executions of each exercise that is none of the data's.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with scored(folder, None, dataset) as (root, inputs):
        examples = examples_of(root, inputs)
    if picture:
        examples = in_picture(examples)
    names = TrainingSet(examples).names
    options = TrainOptions((folder,), output, workers=workers, resume=True, not_for=not_for)
    further = [
        *synthetic_executions(names, synthetic, options.seed),
        *outliers(names, synthetic_outliers, options.seed),
    ]
    about = {
        "data": f"{data}: {len(examples)} repetitions",
        "licence": licence,
        "synthetic": f"{len(further)} executions: {synthetic} of each exercise that can be "
        f"synthesised, {synthetic_outliers} of each other one as outliers",
        "seed": options.seed,
        "command": f"python -m {module} {Path(folder).name} -o {output.name}",
        "machine": describe(),
    }
    model = train_on(examples, options, about, further, quiet=False)
    click.echo(model.about["figures"])
