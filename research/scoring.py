"""Methods of scoring beside each other: `python -m research.scoring FOLDER`.

FOLDER is as for `repscore evaluate scoring`: see research.convert for public data sets.
"""

import json
import os
from typing import Any

import click

from repscore.models.scorer.evaluation import folds_of
from repscore.models.scorer.examples import TrainingSet
from repscore.pipelines.evaluate.scoring import FOLDS, Evaluation, compare, show
from repscore.pipelines.flags import dataset_flag, labels_flag, workers_flag
from repscore.pipelines.labelled import examples_of, scored
from repscore.transforms.cluster import run_jobs
from research.few_shot import few_shot
from research.methods import MEAN, METHODS, in_picture, mean, methods_of
from research.synthetic.executions import outliers, synthetic_executions
from research.unknown import unknown


@click.command()
@click.argument("folder")
@click.option(
    "--method", "methods", type=click.Choice(METHODS), multiple=True, default=METHODS,
    help="Repeatable.  [default: all of them]",
)  # fmt: skip
@click.option(
    "--synthetic", type=click.IntRange(min=0), default=0, metavar="N",
    help="Learn from N synthetic executions of each exercise, too.",
)  # fmt: skip
@click.option(
    "--synthetic-outliers", type=click.IntRange(min=0), default=0, metavar="N",
    help="Outlier exposure: learn what is none of the exercises from N synthetic executions of "
    "each other exercise.",
)  # fmt: skip
@click.option(
    "--picture", is_flag=True, help="Joints in the picture, though the data have a guessed depth."
)
@click.option("--few-shot", "shots", is_flag=True, help="Three references as the only knowledge.")
@click.option("--unknown", "rejection", is_flag=True, help="Leave one exercise out at a time.")
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--leaky", is_flag=True, help="Also a random split, which leaks subjects.")
@labels_flag
@dataset_flag
@workers_flag
def scoring(folder: str, **given: Any) -> None:
    """Compare methods by cross-validation over held-out subjects."""
    with scored(folder, given["labels"], given["dataset"]) as (root, inputs):
        examples = examples_of(root, inputs)
    if given["picture"]:
        examples = in_picture(examples)
    names = TrainingSet(examples).names
    data = TrainingSet(
        examples,
        [
            *synthetic_executions(names, given["synthetic"], 0),
            *outliers(names, given["synthetic_outliers"], 0),
        ],
    )

    def report(text: str) -> None:
        click.echo(text, err=True)

    folds = [folds_of(data, FOLDS, seed) for seed in range(given["repeats"])]
    workers = given["workers"]
    methods = methods_of(data, given["methods"])
    evaluations = compare(data, folds, methods, workers, report, leaky=given["leaky"])
    show(data, [*evaluations, *_means(evaluations)], as_json=False)
    if given["shots"]:
        click.echo("\nThree correct executions of other subjects as the only knowledge, AUC:")
        for name, (middle, spread) in few_shot(data).items():
            click.echo(f"  {name:28} {middle:.2f} ± {spread:.2f}")
    if given["rejection"]:
        table = unknown(
            data, folds, lambda work, jobs, report: run_jobs(work, jobs, workers, report), report
        )
        click.echo("\nAn exercise that was left out against the others, AUC:")
        click.echo(json.dumps({name: row._asdict() for name, row in table.items()}, indent=2))
        for field in ("repetitions", "subjects"):
            values = [getattr(row, field) for row in table.values()]
            click.echo(f"  mean over {field}: {sum(values) / len(values):.3f}")


def _means(evaluations: list[Evaluation]) -> list[Evaluation]:
    """The mean of network and linear under each protocol that has both."""
    by_name = {(each.protocol, each.method): each for each in evaluations}
    return [
        Evaluation(protocol, MEAN, first.folds, [
            mean(*pair) for pair in zip(first.predictions, second.predictions, strict=True)
        ])
        for (protocol, name), first in by_name.items()
        if name == "network-phases" and (second := by_name.get((protocol, "linear"))) is not None
    ]  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    scoring()
