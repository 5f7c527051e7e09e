"""The command line. Heavy imports wait inside the commands, so that `--help` answers at once."""

import logging
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from repscore import __version__

# Read when Ray is imported: a worker that dies is our story to tell, and ends in `failures`.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed",
}

DONE, CRASHED, WRONG_USAGE, TOO_MANY_FAILURES, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; wrong usage answers in one line."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        status = cli.main(arguments, prog_name="repscore", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
        status = WRONG_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "repscore"
        click.echo(f"{command}: {error.format_message()} (see `{command} --help`)", err=True)
        status = WRONG_USAGE
    except click.ClickException as error:
        click.echo(f"repscore: {error.format_message()}", err=True)
        status = WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("repscore: interrupted; the same command goes on where it stopped", err=True)
        status = INTERRUPTED
    sys.exit(status or DONE)


def _read_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of this command's options from a TOML file."""
    if path is None:
        return
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"--config {path}: {error}", context) from error
    options = [option for option in context.command.params if isinstance(option, click.Option)]
    known = {
        flag.removeprefix("--"): option.name
        for option in options
        for flag in option.opts
        if flag.startswith("--") and option.name and flag != "--config"
    }
    given = {key.replace("_", "-"): value for key, value in settings.items()}
    if unknown := sorted(given.keys() - known.keys()):
        raise click.UsageError(
            f"--config {path}: unknown option {unknown[0]!r}; expected some of: "
            + ", ".join(sorted(known)),
            context,
        )
    named = {known[key]: value for key, value in given.items()}
    context.default_map = {**(context.default_map or {}), **named}


def _sample_fps(context: click.Context, _: click.Parameter, text: str) -> float | None:
    if text == "native":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise click.BadParameter(f"{text!r} is neither a positive number nor 'native'", context)
    return value


def _references(
    context: click.Context, _: click.Parameter, given: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """`squat=CLIP` or `CLIP`, whose file name is the exercise then."""
    pairs = []
    for text in given:
        name, equals, clip = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            name, clip = Path(text).stem, text
        if not name or not clip:
            raise click.BadParameter(f"{text!r}: expected CLIP or EXERCISE=CLIP", context)
        pairs.append((name, clip))
    return tuple(pairs)


_config = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="TOML file with any of these options, e.g. sample-fps = 10.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")
_quiet = click.option("--quiet", is_flag=True, help="No progress.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Exercise videos in, a scored and queryable dataset out."""


@cli.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--output", "-o", required=True, help="Folder or URL of the dataset.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    callback=_references,
    metavar="[EXERCISE=]CLIP",
    help="A good execution that defines an exercise; repeatable. Without any, repetitions are "
    "scored by their consistency within the set.",
)
@click.option(
    "--sample-fps",
    default="15",
    show_default=True,
    callback=_sample_fps,
    metavar="FPS",
    help="Frames per second to estimate poses on, or 'native' for all.",
)
@click.option(
    "--fps",
    "keypoints_fps",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    default=30.0,
    show_default=True,
    help="Frames per second of OpenPose folders and of keypoint files without times; of these "
    "every frame is taken.",
)
@click.option(
    "--model",
    type=click.Choice(["lite", "full", "heavy"]),
    default="full",
    show_default=True,
    help="Size of the pose model.",
)
@click.option(
    "--estimator",
    default="blazepose",
    show_default=True,
    help="Pose estimator: blazepose, mediapipe (the same weights in MediaPipe's graph, slower), or "
    "module:class of your own.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "f32", "bf16"]),
    default="auto",
    show_default=True,
    help="Arithmetic of the pose model. auto: the half precision that the device is fast in.",
)
@click.option(
    "--people",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="People in a video whose repetitions are kept, where more are seen.",
)
@click.option(
    "--person",
    type=click.Choice(["exercising", "largest", "most-moving", "most-confident", "first", "all"]),
    default="exercising",
    show_default=True,
    help="Who comes first where more people are seen than are kept; 'all' keeps everybody.",
)
@click.option(
    "--segment-seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Long videos are cut into segments of this length, at keyframes.",
)
@click.option(
    "--actors",
    type=click.IntRange(min=0),
    default=0,
    help="Pose workers.  [default: one per CPU]",
)
@click.option(
    "--cpus-per-actor", type=click.FloatRange(min=0), default=1.0, help="May be a fraction."
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the pose model runs.",
)
@click.option(
    "--inference-actors",
    type=click.IntRange(min=0),
    help="Actors that run the pose model for all workers, in batches across videos; 0 lets every "
    "worker run its own.  [default: one per GPU with --device cuda, else 0]",
)
@click.option(
    "--gpus-per-actor",
    type=click.FloatRange(min=0),
    help="Of each actor that runs the pose model; may be a fraction.  "
    "[default: 1 with --device cuda, else 0]",
)
@click.option("--ray-address", help="A running Ray cluster.  [default: a local one]")
@click.option(
    "--segment-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=1800.0,
    show_default=True,
    help="Seconds after which a worker that hangs on a segment is replaced.",
)
@click.option(
    "--group-size",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Videos that are worked off and committed together.",
)
@click.option(
    "--max-failure-rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Exit with status 3 where a larger share of the inputs failed.",
)
@_config
@_as_json
@_quiet
def score(**given: Any) -> int:
    """Score videos into a dataset: files, folders, globs, URLs (gs://, s3://, ...).

    Folders of OpenPose JSON and files of keypoints (.npz, .parquet) are taken like videos.

    Run it again to go on or to refresh: what the dataset holds already is skipped.
    """
    from repscore.pipelines.options import ScoreOptions
    from repscore.transforms.pose.crew import PoolConfig
    from repscore.transforms.records import PoseConfig

    options = ScoreOptions(
        inputs=given["inputs"],
        output=given["output"],
        references=given["references"],
        person=given["person"],
        poses=PoseConfig(
            estimator=given["estimator"],
            model=given["model"],
            people=given["people"],
            precision=given["precision"],
            device=given["device"],
            sample_fps=given["sample_fps"],
            segment_s=given["segment_seconds"],
            keypoints_fps=given["keypoints_fps"],
        ),
        pool=PoolConfig(
            actors=given["actors"],
            cpus=given["cpus_per_actor"],
            inference_actors=given["inference_actors"],
            gpus=given["gpus_per_actor"],
            ray_address=given["ray_address"],
            segment_timeout_s=given["segment_timeout"],
        ),
        group_size=given["group_size"],
        max_failure_rate=given["max_failure_rate"],
    )
    return _run(options, as_json=given["as_json"], quiet=given["quiet"])


def _run(options: Any, *, as_json: bool, quiet: bool) -> int:
    from repscore.pipelines.score import UnusableConfiguration, run

    try:
        report = run(options, quiet=quiet or as_json)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)
    return TOO_MANY_FAILURES if report.failure_rate > options.max_failure_rate else DONE


@cli.command()
@click.argument("dataset")
@_as_json
@_quiet
def replay(dataset: str, *, as_json: bool, quiet: bool) -> int:
    """Try the failed inputs of a dataset again, with the configuration of its last run."""
    from repscore.pipelines.score import UnusableConfiguration, options_of_last_run

    try:
        options = options_of_last_run(dataset)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error
    if not options.inputs:
        click.echo(f"{dataset}: no failures to replay")
        return DONE
    return _run(options, as_json=as_json, quiet=quiet)


@cli.command()
@click.argument("dataset")
@click.argument("sql")
@_as_json
def query(dataset: str, sql: str, *, as_json: bool) -> None:
    """Run SQL over a dataset's tables, by name, through DuckDB.

    Tables: runs, videos, repetitions, sets, feedback, failures, poses.
    """
    from repscore.pipelines.query import QueryError, run_query

    try:
        run_query(dataset, sql, as_json=as_json)
    except QueryError as error:
        raise click.ClickException(str(error)) from error


@cli.command()
@click.argument("dataset")
@_as_json
def summary(dataset: str, *, as_json: bool) -> None:
    """What a dataset holds: videos, exercises, scores, failures, the last run."""
    from repscore.pipelines.query import QueryError
    from repscore.pipelines.summary import print_summary

    try:
        print_summary(dataset, as_json=as_json)
    except QueryError as error:
        raise click.ClickException(str(error)) from error


@cli.command()
@click.option("--output", "-o", default="demo", show_default=True, help="Folder for it all.")
@_quiet
def demo(output: str, *, quiet: bool) -> int:
    """See it work without any data: synthetic athletes, scored by the real pipeline."""
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
@_quiet
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
            click.echo(bundle)


@cli.command()
@_as_json
def doctor(*, as_json: bool) -> int:
    """What is installed, which devices there are, and what to do about what is missing."""
    from repscore.pipelines.doctor import examine, show

    findings = examine()
    show(findings, as_json=as_json)
    return WRONG_USAGE if any(finding.needed and not finding.good for finding in findings) else DONE


@cli.group()
def evaluate() -> None:
    """How well it works, on data with a known truth."""


@evaluate.command()
@click.argument(
    "path", metavar="PATH", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--dataset", help="Score clips into this dataset and reuse it.  [default: temporary]")
@click.option(
    "--estimator", default="blazepose", show_default=True, help="Pose estimator of clips."
)
@click.option(
    "--table", type=click.Path(dir_okay=False, path_type=Path), help="CSV with a row per video."
)
@click.option(
    "--plot",
    "plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for plots of the worst videos.",
)
@_as_json
@_quiet
def counting(path: Path, **given: Any) -> None:
    """Counts and boundaries of repetitions beside the truth.

    PATH holds poses.npz and annotations.csv (RepCount-pose), or clips and ground_truth.csv.
    """
    from repscore.pipelines.evaluate.counting import evaluate as run_evaluation
    from repscore.pipelines.score import UnusableConfiguration

    try:
        run_evaluation(path, **given)
    except UnusableConfiguration as error:
        raise click.ClickException(str(error)) from error


@evaluate.command()
@click.argument(
    "path", metavar="PATH", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(
        ["dtw", "forest", "linear", "network-phases", "network-padding", "network-warping"]
    ),
    multiple=True,
    help="Repeatable.  [default: all of them]",
)
@click.option("--leaky", is_flag=True, help="Beside it the random split that leaks subjects.")
@_as_json
@_quiet
def scoring(path: Path, **given: Any) -> None:
    """Recognition and correctness on people that nothing was learned from.

    PATH holds skeletons.npz and index.csv (IntelliRehabDS).
    """
    from repscore.pipelines.evaluate.scoring import METHODS
    from repscore.pipelines.evaluate.scoring import evaluate as run_evaluation

    given["methods"] = given["methods"] or tuple(METHODS)
    try:
        run_evaluation(path, **given)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
