"""`repscore train`: labelled repetitions in, one scorer file and its card out."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from repscore.models.scorer.checkpoint import DamagedCheckpoint
from repscore.models.scorer.examples import Example, TrainingSet
from repscore.models.scorer.model import ScorerModel, scorer_bytes
from repscore.models.scorer.network import NetworkConfig
from repscore.models.scorer.training import TrainingConfig, train_scorer
from repscore.pipelines.labelled import examples_of, scored
from repscore.pipelines.progress import console
from repscore.pipelines.ready import check_file, check_ray
from repscore.pipelines.score import UnusableConfiguration
from repscore.transforms.cluster import run_jobs
from repscore.transforms.files import replacing, uri_of
from repscore.transforms.repetitions.stored import PosesMissing


@dataclass(frozen=True)
class TrainOptions:
    """Options of `repscore train`.

    Attributes:
        folders: labelled inputs, or datasets with labels.
        output: the scorer file; its card comes beside it, as JSON.
        labels: CSV of the labels, where it is not `labels.csv` in a single folder.
        dataset: where inputs are scored first, to be reused; a temporary one by default.
        workers: networks that are trained at once, each on one core.
        resume: take up the checkpoints of a training that was interrupted.
        not_for: what the scorer must not be used for, for its card.
    """

    folders: tuple[str, ...]
    output: Path
    labels: str | None = None
    dataset: str | None = None
    seed: int = 0
    epochs: int = NetworkConfig().epochs
    folds: int = 8
    workers: int = 1
    resume: bool = False
    not_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.folders) > 1:
            raise ValueError(
                f"--labels {self.labels}: expected one folder with it, found {len(self.folders)}: "
                "put a labels.csv into each"
            )


def train(options: TrainOptions, *, quiet: bool) -> ScorerModel:
    """Train a scorer and write it, with its card; raises click.ClickException."""
    try:
        check_file(uri_of(options.output))
        if options.workers > 1:
            check_ray(None)
        examples = [
            example
            for folder in options.folders
            for example in _examples(folder, options, quiet=quiet)
        ]
        return train_on(examples, options, {"command": command_of(options)}, quiet=quiet)
    except (DamagedCheckpoint, PosesMissing, UnusableConfiguration, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _examples(folder: str, options: TrainOptions, *, quiet: bool) -> list[Example]:
    with scored(folder, options.labels, options.dataset, quiet=quiet) as (root, inputs):
        return examples_of(root, inputs)


def train_on(
    examples: Sequence[Example],
    options: TrainOptions,
    about: Mapping[str, Any],
    synthetic: Sequence[Example] = (),
    *,
    quiet: bool,
) -> ScorerModel:
    """Train on examples and write the scorer; checkpoints lie beside it until it is there.

    Args:
        about: what the card says besides figures.
        synthetic: further examples to learn from.

    Raises NoExamples and DamagedCheckpoint.
    """
    started_s = time.monotonic()
    out = console()
    checkpoints = options.output.with_name(options.output.name + ".checkpoints")
    if checkpoints.exists() and not options.resume:
        shutil.rmtree(checkpoints)

    def report(text: str) -> None:
        if not quiet:
            out.print(text)

    model = train_scorer(
        TrainingSet(examples, synthetic),
        TrainingConfig(
            options.seed, replace(NetworkConfig(), epochs=options.epochs), options.folds
        ),
        checkpoints,
        lambda work, jobs, report: run_jobs(work, jobs, options.workers, report),
        report,
    )
    names = ", ".join(Path(folder).name for folder in options.folders)
    model = replace(
        model,
        about={
            "data": f"{names}: {len(examples)} repetitions",
            **model.about,
            "minutes": round((time.monotonic() - started_s) / 60, 1),
            **about,
            "not_for": [*options.not_for, *_not_for(model)],
        },
    )
    card = f"{json.dumps(model.card(), indent=2)}\n"
    written = (
        (options.output, scorer_bytes(model)),
        (options.output.with_suffix(".json"), card.encode()),
    )
    for path, content in written:
        with replacing(uri_of(path)) as file:
            file.write(content)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return model


def command_of(options: TrainOptions) -> str:
    """The command that trains the same scorer again, folders by their names."""
    parts = ["repscore train", *(Path(folder).name for folder in options.folders)]
    parts += [f"--labels {Path(options.labels).name}"] if options.labels else []
    parts += [f"--seed {options.seed}", f"--epochs {options.epochs}", f"--folds {options.folds}"]
    parts += [f'--not-for "{text}"' for text in options.not_for]
    return " ".join([*parts, f"-o {options.output.name}"])


def _not_for(model: ScorerModel) -> list[str]:
    """What follows from the data alone."""
    sensor = {
        "picture": "camera views that are not among those it was trained on (`rules.views`)",
        "body": "joints in space from another source than it was trained on, without evidence",
    }[model.rules.sensor]
    unjudged = sorted(set(model.rules.exercises) - set(model.rules.judged))
    return [
        sensor,
        *(
            [
                f"judging whether {', '.join(unjudged)} is correct: nobody labelled that, the "
                "score is the likeness with the training data"
            ]
            if unjudged
            else []
        ),
        "medical decisions, and people unlike those of the data (age, disease, aids)",
    ]
