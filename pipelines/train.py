"""`repscore train`: data sets with a known truth in, one scorer file and its card out."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from repscore.models.scorer.checkpoint import ForeignCheckpoint
from repscore.models.scorer.model import ScorerModel, scorer_bytes
from repscore.models.scorer.network import Recipe
from repscore.pipelines.progress import console
from repscore.pipelines.score import UnusableConfiguration
from repscore.pipelines.train.examples import Examples, NoExamples, read_all
from repscore.pipelines.train.learning import learn_scorer
from repscore.pipelines.train.material import Tuning
from repscore.transforms.repetitions.stored import PosesMissing


@dataclass(frozen=True)
class TrainOptions:
    """Options of `repscore train`.

    Attributes:
        labels: CSV with the truth of a dataset of ours.
        output: the scorer file; its card comes beside it, as JSON.
        epochs: so many, or fewer with `patience`: epochs without improvement on people held out.
        drawn: executions drawn of each exercise that is known to `drawn`, to learn from as well.
        drawn_others: executions drawn of each other exercise, to learn to name none of them.
        folds: people are dealt into so many to judge on some that nothing was learned from.
        workers: networks that learn at once, each on a core of its own.
        resume: take up the checkpoints of a training that was interrupted.
        not_for: what the scorer must not be used for, for its card.
    """

    paths: tuple[Path, ...]
    output: Path
    labels: Path | None = None
    seed: int = 0
    epochs: int = Recipe().epochs
    folds: int = 8
    patience: int | None = None
    drawn: int = 0
    drawn_others: int = 0
    workers: int = 1
    resume: bool = False
    not_for: tuple[str, ...] = ()


def train(options: TrainOptions, *, quiet: bool) -> ScorerModel:
    """Learn a scorer and write it, with its card; checkpoints lie beside it until it is there.

    Raises click.ClickException for data or checkpoints that cannot be used.
    """
    out = console()

    who = "learned from" if options.patience is None else "held out"

    def tell(name: str, epoch: int, loss: float) -> None:
        if not quiet:
            out.print(f"{name}: epoch {epoch + 1} of {options.epochs}, loss {loss:.3f} on "
                      f"people {who}")  # fmt: skip

    checkpoints = options.output.with_name(options.output.name + ".checkpoints")
    if checkpoints.exists() and not options.resume:
        shutil.rmtree(checkpoints)
    try:
        examples = together(read_all(options.paths, options.labels))
        recipe = replace(Recipe(), epochs=options.epochs)
        tuning = Tuning(options.seed, recipe, options.folds, options.patience,
                        options.drawn, options.drawn_others)  # fmt: skip
        model = learn_scorer(examples, tuning, checkpoints, tell, options.workers)
    except (ForeignCheckpoint, PosesMissing, UnusableConfiguration, ValueError) as error:
        raise click.ClickException(str(error)) from error
    model = replace(
        model,
        about={
            **model.about,
            "command": command_of(options),
            "not_for": [*options.not_for, *_not_for(model)],
        },
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(scorer_bytes(model))
    card = json.dumps(model.card(), indent=2)
    options.output.with_suffix(".json").write_text(card + "\n", encoding="utf-8")
    shutil.rmtree(checkpoints, ignore_errors=True)
    return model


def together(parts: Sequence[Examples]) -> Examples:
    """Several data sets in one; raises NoExamples where sensors differ."""
    sensors = sorted({part.sensor for part in parts})
    if len(sensors) > 1:
        raise NoExamples(
            f"data of different sensors ({', '.join(sensors)}) make no scorer: what one measures "
            "another does not; train one for each"
        )
    return Examples(
        items=[item for part in parts for item in part.items],
        views=[view for part in parts for view in part.views],
        sensor=parts[0].sensor,
        data="; ".join(part.data for part in parts),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
    )


def command_of(options: TrainOptions) -> str:
    """The command that trains the same scorer again, data sets by the names of their folders."""
    parts = ["repscore train", *(path.resolve().name for path in options.paths)]
    parts += [f"--labels {options.labels.name}"] if options.labels else []
    parts += [f"--seed {options.seed}", f"--epochs {options.epochs}"]
    parts += [f"--folds {options.folds}"]
    parts += [] if options.patience is None else [f"--patience {options.patience}"]
    parts += [f"--drawn {options.drawn}"] if options.drawn else []
    parts += [f"--drawn-others {options.drawn_others}"] if options.drawn_others else []
    parts += [f'--not-for "{text}"' for text in options.not_for]
    return " ".join([*parts, f"-o {options.output.name}"])


def _not_for(model: ScorerModel) -> list[str]:
    """What follows from the data alone."""
    sensor = {
        "kinect": "joints of anything but a Kinect v2, without evidence that they measure alike",
        "picture": "camera views that the exercise was not learned from (`rules.views`)",
        "body": "another pose estimator than the one it learned from, without evidence",
    }[model.rules.sensor]
    unjudged = sorted(set(model.rules.exercises) - set(model.rules.judged))
    liken = f"judging whether {', '.join(unjudged)} is correct: nobody labelled that, the score is "
    return [
        sensor,
        *([liken + "likeness with what was learned"] if unjudged else []),
        "medical decisions, and people unlike those of the data (age, disease, aids)",
    ]
