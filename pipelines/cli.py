"""The command line. Slow imports stand inside the commands, so that `--help` answers at once."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from repscore import __version__
from repscore.models.scorer.shipped import located
from repscore.pipelines.dataset_commands import (
    diff,
    exercises,
    maintain,
    query,
    restore,
    summary,
)
from repscore.pipelines.evaluate.commands import evaluate
from repscore.pipelines.flags import (
    FiniteRange,
    as_json_flag,
    dataset_flag,
    exercise_flag,
    group_size_flag,
    labels_flag,
    language_flag,
    log_json_flag,
    machine_flags,
    max_failure_rate_flag,
    norms_flag,
    options_of,
    pool_of,
    quiet_flag,
    reference_flag,
    score_flags,
    scorer_flag,
    workers_flag,
)
from repscore.pipelines.logs import say_error, show_crash
from repscore.pipelines.report_page.command import report
from repscore.pipelines.signals import continuation_of
from repscore.pipelines.terminal import LogFormatter, echo, line
from repscore.pipelines.view.commands import annotate, plot
from repscore.transforms.errors import DatasetUnusable

# Ray reads these when it is imported. A worker that dies is a row of `failures`, not a log line.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed",
}

DONE, CRASHED, WRONG_USAGE, TOO_MANY_FAILURES = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; wrong usage answers in one line."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logs = logging.StreamHandler()
    logs.setFormatter(LogFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[logs])
    sys.excepthook = show_crash
    # Beam logs with a stack trace what it raises anyway.
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)
    words = [*(sys.argv[1:] if arguments is None else arguments), ""]
    try:
        status = cli.main(arguments, prog_name="repscore", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        say_error(error.ctx.get_help() if error.ctx else error.format_message())
        status = WRONG_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "repscore"
        say_error(f"{command}: {line(error.format_message())} (see `{command} --help`)")
        status = WRONG_USAGE
    except click.ClickException as error:
        say_error(f"repscore: {line(error.format_message())}")
        status = WRONG_USAGE
    except Exception as error:
        from repscore.pipelines.ready import full_disk

        full = full_disk(error)
        if full is None and not isinstance(error, DatasetUnusable):
            raise
        said = f"the disk is full ({full}); what was committed is whole: free some space"
        said = str(error) if full is None else said
        say_error(f"repscore: {line(said)}{continuation_of(words[0])}")
        status = CRASHED
    sys.exit(status or DONE)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Exercise videos in, a scored and queryable dataset out."""


@cli.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--runner",
    default="in-process",
    show_default=True,
    metavar="NAME",
    help="Beam runner of every stage but pose estimation: in-process, prism, portable, or a name "
    "that Beam knows, such as dataflow. All give the same rows.",
)
@click.option(
    "--vanished",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="What becomes of the rows of inputs that are no longer in the places given. A place "
    "without any input drops nothing: it may be a disk that is not mounted.",
)
@click.option(
    "--dry-run", is_flag=True, help="Start and write nothing; say what would be done, and how long."
)
@score_flags
def score(*, vanished: str, dry_run: bool, **values: Any) -> int:
    """Score videos into a dataset: files, folders, globs, URLs.

    gs:// works as installed, s3:// after `pip install 'repscore[s3]'`; see docs/cloud.md.

    Files and folders of keypoints (JSON, CSV, .npz, .parquet) are inputs like videos, and so are
    numbered pictures with --fps.

    Run it again to continue or to refresh: inputs that the dataset holds already are skipped.
    """
    options = replace(options_of(values), drop_vanished=vanished == "drop")
    if dry_run:
        return _foretold(options, as_json=values["as_json"])
    return _run(options, as_json=values["as_json"], quiet=values["quiet"])


def _foretold(options: Any, *, as_json: bool) -> int:
    from repscore.pipelines.forecast import forecast
    from repscore.pipelines.score import UnusableConfiguration

    try:
        forecast(options).show(as_json=as_json)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    return DONE


def _run(options: Any, *, as_json: bool, quiet: bool) -> int:
    from repscore.pipelines.score import UnusableConfiguration, run

    try:
        report = run(options, quiet=quiet or as_json)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)
    return TOO_MANY_FAILURES if report.failure_rate > options.max_failure_rate else DONE


@cli.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--every",
    type=FiniteRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two listings; a file is taken when both show the same size and time.",
)
@click.option(
    "--until-idle",
    type=FiniteRange(min=0),
    metavar="SECONDS",
    help="Stop when no new input has arrived for so long.  [default: run until stopped]",
)
@click.option(
    "--streams",
    is_flag=True,
    help="Read OpenPose folders and chunks (NAME.<number>.keypoints.npz) as endless streams, cut "
    "into recordings; see docs/watching.md.  [default: whole recordings]",
)
@click.option(
    "--grace",
    type=FiniteRange(min=0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long inputs in progress may take to finish after SIGTERM or SIGINT.",
)
@click.option(
    "--runner",
    type=click.Choice(["prism", "portable"]),
    default="prism",
    show_default=True,
    help="Beam runner of every stage but pose estimation; portable needs workers in this "
    "process (LOOPBACK).",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Serve the metrics of the run on http://127.0.0.1:PORT/metrics.",
)
@score_flags
def watch(**values: Any) -> int:
    """Score videos and keypoints as they arrive, until stopped.

    Inputs that the dataset holds already are skipped. After SIGTERM or SIGINT the inputs in
    progress are finished. --json prints one line per commit, and the row of the run at its end.
    """
    options = options_of(values)
    if options.runner.environment != "LOOPBACK":
        raise click.UsageError("watch polls in its own process: expected --environment LOOPBACK")
    from repscore.pipelines.score import UnusableConfiguration
    from repscore.pipelines.watch import run
    from repscore.transforms.watch.watched_inputs import WatchConfig

    room = 2 * max(2, values["actors"] or len(os.sched_getaffinity(0)))
    watching = WatchConfig(
        options.inputs, values["every"], values["until_idle"], room, values["streams"]
    )
    as_json, quiet = values["as_json"], values["quiet"]
    try:
        report = run(options, watching, grace_s=values["grace"], quiet=quiet, as_json=as_json)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)
    return TOO_MANY_FAILURES if report.failure_rate > options.max_failure_rate else DONE


@cli.command()
@click.argument("dataset")
@machine_flags
@group_size_flag
@max_failure_rate_flag
@as_json_flag
@quiet_flag
def replay(dataset: str, *, as_json: bool, quiet: bool, **values: Any) -> int:
    """Try the failed inputs of a dataset again, as its last run scored them.

    What that says of machines and code is left aside: such options are given again.
    """
    from repscore.pipelines.last_run import replayed
    from repscore.pipelines.score import UnusableConfiguration

    try:
        options = replayed(
            dataset,
            estimator=values["estimator"],
            device=values["device"],
            pool=pool_of(values),
            group_size=values["group_size"],
            max_failure_rate=values["max_failure_rate"],
        )
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    if not options.inputs:
        echo(f"{dataset}: no failures to replay")
        return DONE
    return _run(options, as_json=as_json, quiet=quiet)


@cli.command()
@click.argument("dataset")
@scorer_flag
@reference_flag
@norms_flag
@exercise_flag
@language_flag
@machine_flags
@as_json_flag
@log_json_flag
@quiet_flag
def rescore(
    dataset: str, *, scorer: str | None, references: Any, as_json: bool, quiet: bool, **values: Any
) -> int:
    """Score a dataset again from its stored poses, without its videos, and say what changed.

    Without --scorer, --norms, --exercise and --reference it uses the scorer of the last run, which
    the dataset holds.
    The options of estimator and workers are for the clips of --reference.
    """
    from repscore.pipelines.rescore import rescore as run_again
    from repscore.pipelines.score import UnusableConfiguration

    try:
        report = run_again(
            dataset,
            located(scorer),
            references,
            norms=values["norms"],
            exercise=values["exercise"],
            language=values["language"],
            estimator=values["estimator"],
            device=values["device"],
            pool=pool_of(values),
            quiet=quiet or as_json,
        )
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)
    return DONE


@cli.command()
@click.argument("name")
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...")
@click.option("--output", "-o", "path", required=True, help="Scorer file to extend or to create.")
@quiet_flag
def learn(name: str, clips: Sequence[str], path: str, *, quiet: bool) -> None:
    """Add an exercise to a scorer file without training: clips of good executions define it.

    The file may be one of `train` or of `learn`; clips are videos or keypoints.
    """
    from tempfile import TemporaryDirectory

    from repscore.pipelines.learn import learn as run_learning
    from repscore.pipelines.options import ScoreOptions
    from repscore.pipelines.ready import check_file, check_ray
    from repscore.pipelines.score import UNUSABLE

    with TemporaryDirectory() as folder:
        try:
            check_file(path)
            check_ray(None)
            scorer = run_learning(name, clips, path, ScoreOptions((), folder), quiet=quiet)
        except UNUSABLE as error:
            raise click.ClickException(str(error)) from error
    if not quiet:
        echo(f"{path}: {', '.join(scorer.names)}", err=True)


@cli.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Scorer file; its card comes beside it, as JSON.",
)
@labels_flag
@dataset_flag
@workers_flag
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed of the folds, the weights and the order of training.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Training epochs per network.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Of subjects, for figures, thresholds and intervals.",
)
@click.option("--resume", is_flag=True, help="Continue an interrupted training.")
@click.option(
    "--not-for", multiple=True, metavar="TEXT", help="For the card: an unsuitable use; repeatable."
)
@quiet_flag
def train(*, quiet: bool, **given: Any) -> None:
    """Train a scorer on labelled repetitions.

    FOLDER holds videos or keypoints, or is a dataset of `score`, and has a labels.csv: one row per
    repetition with input, exercise, start_s, end_s and, where known, correct (1 or 0) and subject.
    """
    from repscore.pipelines.train import TrainOptions
    from repscore.pipelines.train import train as run_training

    try:
        options = TrainOptions(**given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    model = run_training(options, quiet=quiet)
    if not quiet:
        echo(json.dumps(model.about["figures"], indent=2))


@cli.command()
@click.option(
    "--output",
    "-o",
    default="demo",
    show_default=True,
    help="Folder for the clips and the dataset.",
)
@quiet_flag
def demo(output: str, *, quiet: bool) -> int:
    """Try it without data of your own: synthetic athletes, scored by the real pipeline."""
    from repscore.pipelines.demo.run import run_demo

    return run_demo(output, quiet=quiet)


@cli.command()
@click.option(
    "--model",
    "models",
    type=click.Choice(["lite", "full", "heavy"]),
    multiple=True,
    default=["full"],
    show_default=True,
    help="Repeatable.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, path_type=Path),
    help="A local file or folder instead of a download.",
)
@quiet_flag
def weights(models: Sequence[Any], source: Path | None, *, quiet: bool) -> None:
    """Obtain, verify and cache the weights of the pose models."""
    from repscore.models.weights import WeightsCorrupt, WeightsMissing, obtain, task_bundle

    try:
        obtain(models, source)
        bundles = [task_bundle(model) for model in models]
    except (WeightsMissing, WeightsCorrupt) as error:
        raise click.ClickException(str(error)) from error
    if not quiet:
        for bundle in bundles:
            echo(str(bundle))


@cli.command()
@as_json_flag
def doctor(*, as_json: bool) -> int:
    """Show what is installed, which devices there are, and how to get what is missing."""
    from repscore.pipelines.doctor import examine, show

    findings = examine()
    show(findings, as_json=as_json)
    return WRONG_USAGE if any(finding.needed and not finding.good for finding in findings) else DONE


for command in (
    evaluate,
    query,
    summary,
    report,
    annotate,
    plot,
    exercises,
    maintain,
    diff,
    restore,
):
    cli.add_command(command)
