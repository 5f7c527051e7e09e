"""Options that several commands share, and the record of their values."""

import math
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repscore.models.scorer.shipped import DEFAULT, DEFAULT_FILE, NONE, SHIPPED, located
from repscore.models.scorer.words import ENGLISH, languages
from repscore.pipelines.logs import log_json

if TYPE_CHECKING:  # slow to import
    from repscore.pipelines.options import ScoreOptions
    from repscore.transforms.pose.pool_plan import PoolConfig


def _read_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of this command's options from a TOML file."""
    if path is None:
        return
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"--config {path}: {error}", context) from error
    options = [option for option in context.command.params if isinstance(option, click.Option)]
    names = {
        flag.removeprefix("--"): option.name
        for option in options
        for flag in option.opts
        if flag.startswith("--") and option.name and flag != "--config"
    }
    values = {key.replace("_", "-"): value for key, value in settings.items()}
    if unknown := sorted(values.keys() - names.keys()):
        raise click.UsageError(
            f"--config {path}: unknown option {unknown[0]!r}; expected some of: "
            + ", ".join(sorted(names)),
            context,
        )
    defaults = {names[key]: value for key, value in values.items()}
    context.default_map = {**(context.default_map or {}), **defaults}


def _picture_size(
    _: click.Context, __: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})[xX]([1-9][0-9]{0,5})", text)
    if found is None:
        raise click.BadParameter(f"expected WIDTHxHEIGHT, such as 1920x1080, found {text!r}")
    return int(found[1]), int(found[2])


class FiniteRange(click.FloatRange):
    """A number within a range; neither `nan` nor `inf`, which ranges let through."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Raises BadParameter."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def _sample_fps(context: click.Context, _: click.Parameter, text: str) -> float | None:
    if text == "native":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise click.BadParameter(f"{text!r} is neither a positive number nor 'native'", context)
    return value


def _references(
    context: click.Context, _: click.Parameter, texts: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """`squat=CLIP` or `CLIP`, whose file name is the exercise then."""
    pairs = []
    for text in texts:
        name, equals, clip = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            name, clip = Path(text).stem, text
        if not name or not clip:
            raise click.BadParameter(f"{text!r}: expected CLIP or EXERCISE=CLIP", context)
        pairs.append((name, clip))
    return tuple(pairs)


def _log_json(_: click.Context, __: click.Parameter, wanted: bool) -> None:
    """Before other options are read, so that what is wrong with them is JSON, too."""
    if wanted:
        log_json()


_config = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="TOML file with any of these options, e.g. sample-fps = 10.",
)
as_json_flag = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output."
)
log_json_flag = click.option(
    "--log-json",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_log_json,
    help="Write progress, logs and errors as JSON, an object a line.",
)

workers_flag = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="one per CPU",
    metavar="N",
    help="Networks that are trained at once, each on one core. The result does not depend on it.",
)
labels_flag = click.option(
    "--labels", metavar="CSV", help="Labels, where they are not FOLDER/labels.csv."
)
dataset_flag = click.option(
    "--dataset",
    metavar="FOLDER",
    help="Score the inputs into this dataset first and reuse it.  [default: a temporary one]",
)
quiet_flag = click.option("--quiet", is_flag=True, help="Show no progress.")
scorer_flag = click.option(
    "--scorer",
    metavar="FILE",
    help="Scorer file of `train` or `learn`; the name of a shipped one: "
    + ", ".join(SHIPPED)
    + f"; or `{NONE}`: the consistency of each set.  [default: {DEFAULT} with the shipped norms; "
    "with --reference no more than those; `rescore`: as before]",
)
norms_flag = click.option(
    "--norms",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of norms, EXERCISE.toml each: beside the shipped ones, or instead of those of the "
    "same name.",
)
exercise_flag = click.option(
    "--exercise",
    metavar="NAME",
    help="What all inputs show, one of `repscore exercises`: it is not recognised but judged.",
)
language_flag = click.option(
    "--language",
    type=click.Choice(languages()),
    help=f"Of remarks.  [default: {ENGLISH}; `rescore`: as before]",
)
reference_flag = click.option(
    "--reference",
    "references",
    multiple=True,
    callback=_references,
    metavar="[EXERCISE=]CLIP",
    help="A good execution that defines an exercise; repeatable. It counts before scorer and norm.",
)
group_size_flag = click.option(
    "--group-size",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Videos that are processed and committed together.",
)
max_failure_rate_flag = click.option(
    "--max-failure-rate",
    type=FiniteRange(0, 1),
    default=1.0,
    show_default=True,
    help="Exit with status 3 if a larger share of the inputs failed.",
)
_MACHINE = (
    click.option(
        "--actors",
        type=click.IntRange(min=0),
        default=0,
        help="Pose workers.  [default: one per CPU]",
    ),
    click.option(
        "--cpus-per-actor",
        type=FiniteRange(min=0),
        help="A fraction is allowed.  [default: 1; with --device cuda all that the machine has for "
        "each GPU]",
    ),
    click.option(
        "--device",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where the pose model runs.",
    ),
    click.option(
        "--gpus-per-actor",
        type=FiniteRange(min=0),
        help="A fraction is allowed.  [default: 1 with --device cuda, else 0]",
    ),
    click.option(
        "--streams-per-actor",
        type=click.IntRange(min=1),
        help="Segments whose frames a pose worker estimates in one batch.  "
        "[default: 64 with --device cuda, else 1]",
    ),
    click.option(
        "--decode",
        type=click.Choice(["auto", "cpu", "nvdec"]),
        default="auto",
        show_default=True,
        help="Where videos are decoded. auto: with --device cuda on the GPU where it can, else on "
        "the CPU.",
    ),
    click.option("--ray-address", help="A running Ray cluster.  [default: a local one]"),
    click.option(
        "--segment-timeout",
        type=FiniteRange(min=0, min_open=True),
        default=1800.0,
        show_default=True,
        help="Seconds after which a worker that hangs on a segment is replaced.",
    ),
    click.option(
        "--start-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds without any pose worker ready after which the run ends: the cluster is full, "
        "or workers cannot start.",
    ),
)
_SCORE = (
    click.option("--output", "-o", required=True, help="Folder or URL of the dataset."),
    scorer_flag,
    reference_flag,
    norms_flag,
    exercise_flag,
    language_flag,
    click.option(
        "--sample-fps",
        default="15",
        show_default=True,
        callback=_sample_fps,
        metavar="FPS",
        help="Frames per second to estimate poses on, or 'native' for all.",
    ),
    click.option(
        "--fps",
        type=FiniteRange(min=0, min_open=True, max=10_000),
        help="Frames per second of inputs without times: OpenPose folders, keypoint files, "
        "numbered pictures, raw video streams.  [default: 30 for keypoints, the header's rate for "
        "raw video]",
    ),
    click.option(
        "--picture-size",
        callback=_picture_size,
        metavar="WIDTHxHEIGHT",
        help="Pixels of the picture, for keypoints that are shares of it (0 to 1).",
    ),
    click.option(
        "--model",
        type=click.Choice(["lite", "full", "heavy"]),
        default="full",
        show_default=True,
        help="Size of the pose model.",
    ),
    click.option(
        "--estimator",
        default="blazepose",
        show_default=True,
        help="Pose estimator: blazepose, mediapipe (the same weights in MediaPipe's graph, "
        "slower), or module:class of your own.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "f32", "bf16"]),
        default="auto",
        show_default=True,
        help="Arithmetic of the pose model. auto: the half precision that the device is fast in.",
    ),
    click.option(
        "--compile/--no-compile",
        "compiled",
        help="With --device cuda: the pose model as torch.compile makes it, in CUDA graphs; a "
        "slower start, a faster run.  [default: no-compile]",
    ),
    click.option(
        "--people",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Number of people per video whose repetitions are kept.",
    ),
    click.option(
        "--person",
        type=click.Choice(
            ["exercising", "largest", "most-moving", "most-confident", "first", "all"]
        ),
        default="exercising",
        show_default=True,
        help="Who is kept where a video shows more than --people; 'all' keeps everybody.",
    ),
    click.option(
        "--segment-seconds",
        type=FiniteRange(min=1),
        default=60.0,
        show_default=True,
        help="Long videos are cut into segments of this length, at keyframes.",
    ),
    *_MACHINE,
    group_size_flag,
    max_failure_rate_flag,
    click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False),
        help="Write the metrics of the run to this file every 15 seconds, for the textfile "
        "collector of Prometheus's node exporter, which wants a name that ends in .prom.",
    ),
    click.option(
        "--prism",
        type=click.Path(dir_okay=False),
        help="Prism's binary.  [default: on PATH, in repscore's cache, Beam's own download]",
    ),
    click.option(
        "--job-endpoint",
        metavar="HOST:PORT",
        help="Job service of a running portable runner; needs --runner portable.",
    ),
    click.option(
        "--environment",
        default="LOOPBACK",
        show_default=True,
        metavar="KIND[:CONFIG]",
        help="Where a portable runner's workers run: LOOPBACK (threads of this process), "
        "DOCKER:IMAGE, EXTERNAL:HOST:PORT, PROCESS:JSON.",
    ),
    click.option(
        "--beam-option",
        "beam_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any other option of Beam or its runner; repeatable.",
    ),
)


def machine_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command on a dataset what the dataset may not decide: code, devices, a cluster."""
    estimator = click.option(
        "--estimator",
        metavar="MODULE:CLASS",
        help="The estimator of the dataset's poses, where it is not one of repscore's: code of a "
        "dataset runs only if it is named here too.",
    )
    for option in reversed((estimator, *_MACHINE)):
        command = option(command)
    return command


def score_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `score`, those of the runner aside."""
    for option in reversed((*_SCORE, _config, as_json_flag, log_json_flag, quiet_flag)):
        command = option(command)
    return command


def pool_of(values: dict[str, Any]) -> "PoolConfig":
    """The values of the machine's options as a record."""
    from repscore.transforms.pose.pool_plan import PoolConfig

    return PoolConfig(
        actors=values["actors"],
        cpus=values["cpus_per_actor"],
        gpus=values["gpus_per_actor"],
        streams=values["streams_per_actor"],
        decode=values["decode"],
        ray_address=values["ray_address"],
        segment_timeout_s=values["segment_timeout"],
        start_timeout_s=values["start_timeout"],
    )


def scorer_from(values: dict[str, Any]) -> str | None:
    """The scorer file of a run; None: its references alone, or consistency. Raises UsageError."""
    given = values["scorer"]
    if given is None and not values["references"]:
        return DEFAULT_FILE
    scorer = None if given == NONE else located(given)
    if scorer is None and (values["norms"] or values["exercise"]):
        raise click.UsageError(
            f"--norms and --exercise need a scorer, found none: add --scorer {DEFAULT}"
        )
    return scorer


def options_of(values: dict[str, Any]) -> "ScoreOptions":
    """The values of `score_flags` and `--runner` as a record; raises UsageError."""
    from repscore.pipelines.options import MetricsConfig, RunnerConfig, ScoreOptions
    from repscore.transforms.files import uri_of
    from repscore.transforms.records import PoseConfig

    if values["compiled"] and values["device"] != "cuda":
        raise click.UsageError("--compile is for --device cuda: leave it out")
    try:
        runner = RunnerConfig(
            name=values["runner"],
            prism=values["prism"],
            job_endpoint=values["job_endpoint"],
            environment=values["environment"],
            beam_options=tuple(f"--{option.lstrip('-')}" for option in values["beam_options"]),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return ScoreOptions(
        inputs=tuple(map(uri_of, values["inputs"])),
        output=values["output"],
        scorer=scorer_from(values),
        references=values["references"],
        norms=values["norms"],
        exercise=values["exercise"],
        language=values["language"] or ENGLISH,
        person=values["person"],
        poses=PoseConfig(
            estimator=values["estimator"],
            model=values["model"],
            people=values["people"],
            precision=values["precision"],
            device=values["device"],
            compiled=values["compiled"],
            sample_fps=values["sample_fps"],
            segment_s=values["segment_seconds"],
            fps=values["fps"],
            picture_px=values["picture_size"],
        ),
        pool=pool_of(values),
        group_size=values["group_size"],
        max_failure_rate=values["max_failure_rate"],
        runner=runner,
        metrics=MetricsConfig(values["metrics_file"], values.get("metrics_port")),
    )
