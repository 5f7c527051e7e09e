"""`repscore evaluate` on the command line."""

from pathlib import Path
from typing import Any

import click

from repscore.models.scorer.shipped import located
from repscore.pipelines.flags import (
    as_json_flag,
    dataset_flag,
    labels_flag,
    quiet_flag,
    workers_flag,
)


@click.group()
def evaluate() -> None:
    """Measure how well it works, on labelled data."""


@evaluate.command()
@click.argument("folder")
@labels_flag
@dataset_flag
@click.option(
    "--estimator", default="blazepose", show_default=True, help="Pose estimator of videos."
)
@click.option(
    "--table", type=click.Path(dir_okay=False, path_type=Path), help="CSV with a row per input."
)
@as_json_flag
@quiet_flag
def counting(folder: str, **values: Any) -> None:
    """Counts and boundaries of repetitions beside the truth.

    FOLDER is as for `train`. An input of which only a count is known has one row in labels.csv,
    with `count` instead of start_s and end_s.
    """
    from repscore.pipelines.evaluate.counting import evaluate as run_evaluation

    try:
        run_evaluation(folder, **values)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@evaluate.command()
@click.argument("folder")
@labels_flag
@dataset_flag
@click.option(
    "--scorer",
    metavar="FILE",
    help="Evaluate this scorer file of `train`, or a shipped one by its name.  [default: train a "
    "scorer for each fold of subjects]",
)
@workers_flag
@click.option(
    "--leaky",
    is_flag=True,
    help="Also report a random split of repetitions. It is too optimistic: subjects are on "
    "both sides.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Repeat the cross-validation with N different folds; figures are means.",
)
@as_json_flag
@quiet_flag
def scoring(*, as_json: bool, quiet: bool, **values: Any) -> None:
    """Evaluate recognition and correctness on held-out subjects, by cross-validation.

    FOLDER is as for `train`. A column `group` of its labels.csv gives figures by group as well.
    """
    from repscore.pipelines.evaluate.scoring import EvaluateOptions
    from repscore.pipelines.evaluate.scoring import evaluate as run_evaluation

    if values["scorer"] is not None and (values["leaky"] or values["repeats"] > 1):
        raise click.UsageError("--leaky and --repeats train scorers, --scorer is trained: give one")
    values["scorer"] = located(values["scorer"])
    try:
        run_evaluation(EvaluateOptions(**values), as_json=as_json, quiet=quiet)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
