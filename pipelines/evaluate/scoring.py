"""`repscore evaluate scoring`: recognition and correctness on held-out subjects."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from repscore.models.scorer.evaluation import (
    HEADINGS,
    Bounded,
    Method,
    Predictions,
    Report,
    by_exercise,
    cross_validate,
    figures,
    folds_of,
)
from repscore.models.scorer.examples import Rows, TrainingSet
from repscore.models.scorer.files import References
from repscore.models.scorer.learned import LearnedScorer, for_sensor
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.sequences import sequences_of
from repscore.models.scorer.training import NetworkMethod
from repscore.pipelines.labelled import examples_of, scored
from repscore.pipelines.learn import read_file
from repscore.pipelines.progress import console
from repscore.pipelines.query import plain
from repscore.pipelines.ready import check_ray
from repscore.pipelines.terminal import echo
from repscore.transforms.cluster import run_jobs

FOLDS = 8


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of `repscore evaluate scoring`.

    Attributes:
        labels: CSV of the labels, where it is not `labels.csv` in the folder.
        dataset: where inputs are scored first, to be reused; a temporary one by default.
        scorer: file of a trained scorer; without one a scorer is trained for each fold.
        leaky: beside the folds by subject, a random split that leaks subjects.
        repeats: how often the cross-validation is repeated with other folds; figures are means.
        workers: networks that are trained at once, each on one core.
    """

    folder: str
    labels: str | None = None
    dataset: str | None = None
    scorer: str | None = None
    leaky: bool = False
    repeats: int = 1
    workers: int = 1


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one method predicts under one protocol: `folds` and `predictions` of each repeat."""

    protocol: str
    method: str
    folds: Sequence[Rows]
    predictions: Sequence[Predictions]


def evaluate(options: EvaluateOptions, *, as_json: bool, quiet: bool) -> None:
    """Evaluate labelled repetitions; print a table or one JSON object.

    Raises ValueError for data, NoScorer for a scorer file, that cannot be used.
    """
    scorer = None if options.scorer is None else read_file(options.scorer)
    if isinstance(scorer, References):
        raise ValueError(f"{options.scorer}: expected a scorer of `repscore train`, found clips")
    if options.workers > 1:
        check_ray(None)
    quiet = quiet or as_json
    with scored(options.folder, options.labels, options.dataset, quiet=quiet) as (root, inputs):
        data = TrainingSet(examples_of(root, inputs))

    def report(text: str) -> None:
        if not quiet:
            echo(text, err=True)

    folds = [folds_of(data, FOLDS, seed) for seed in range(options.repeats)]
    if scorer is not None:
        report(f"{options.scorer}: figures are kind to subjects of {scorer.about.get('data')}")
        name = Path(str(options.scorer)).stem
        evaluations = [Evaluation("as it is", name, folds[:1], [predict_all(scorer, data)])]
    else:
        methods = {"network": NetworkMethod()}
        evaluations = compare(data, folds, methods, options.workers, report, leaky=options.leaky)
    show(data, evaluations, as_json=as_json)


def compare(
    data: TrainingSet,
    folds: Sequence[Rows],
    methods: Mapping[str, Method],
    workers: int,
    report: Report,
    *,
    leaky: bool = False,
) -> list[Evaluation]:
    """Every method by cross-validation over the folds, and over random ones that leak subjects."""
    often = f", {len(folds)} repeats" if len(folds) > 1 else ""
    protocols = {f"by subject{often}": folds}
    if leaky:
        rng = np.random.default_rng(0)
        count = len(data.real)
        protocols[f"LEAKY random split{often}"] = [
            rng.permutation(count) % (each.max() + 1) for each in folds
        ]

    def report_of(words: str) -> Report:
        return lambda text: report(f"{words}, {text}")

    return [
        Evaluation(
            protocol,
            name,
            repeats,
            cross_validate(
                data,
                repeats,
                method,
                lambda work, jobs, report: run_jobs(work, jobs, workers, report),
                report_of(f"{protocol}, {name}"),
            ),
        )
        for protocol, repeats in protocols.items()
        for name, method in methods.items()
    ]


def predict_all(model: ScorerModel, data: TrainingSet) -> Predictions:
    """What a trained scorer predicts for all real repetitions, sure of it or not.

    Probabilities are of the exercises of the data, then of the likeliest one that is none of them.
    """
    executions = [for_sensor(model.rules.sensor, data.examples[row].execution) for row in data.real]
    outputs, distance = LearnedScorer(model).outputs(sequences_of(executions))
    known = model.rules.exercises
    nothing = np.zeros(len(executions))
    columns = [
        outputs.probabilities[:, known.index(name)] if name in known else nothing
        for name in data.names
    ]
    others = [outputs.probabilities[:, i] for i, name in enumerate(known) if name not in data.names]
    columns.append(np.max(others, axis=0) if others else nothing)
    correct = -distance if model.rules.correct is None else outputs.logit
    return Predictions(np.stack(columns, axis=1), correct, distance)


def show(data: TrainingSet, evaluations: Sequence[Evaluation], *, as_json: bool) -> None:
    """Print the figures of every evaluation: over all, by group, and by exercise."""
    groups = [None, *sorted(set(data.group[data.real].tolist()) - {""})]
    rows = [
        (each, group, figures(data, each.folds, each.predictions, group))
        for each in evaluations
        for group in groups
    ]
    exercises = [by_exercise(data, each.folds, each.predictions) for each in evaluations]
    if as_json:
        result = {
            "figures": [
                {"protocol": each.protocol, "method": each.method, "group": group, **bounded}
                for each, group, bounded in rows
            ],
            "exercises": [
                {"protocol": each.protocol, "method": each.method, "exercise": name, **row}
                for each, table in zip(evaluations, exercises, strict=True)
                for name, row in table.items()
            ],
        }
        echo(json.dumps(plain(result)))
        return
    out = console(sys.stdout, width=200)
    table = Table(box=None, pad_edge=False)
    known = [name for name in HEADINGS if any(not np.isnan(row[2][name][0]) for row in rows)]
    for heading in ("protocol", "method", "group", *(HEADINGS[name] for name in known)):
        table.add_column(heading, no_wrap=True)
    for each, group, bounded in rows:
        cells = [_cell(bounded[name]) for name in known]
        table.add_row(each.protocol, each.method, group or "all", *cells)
    out.print(table)
    for each, by_name in zip(evaluations, exercises, strict=True):
        out.print(f"\n{each.protocol}, {each.method}: by exercise")
        for name, row in by_name.items():
            balanced = row["balanced_accuracy"]
            words = "" if np.isnan(balanced) else f", balanced accuracy {balanced:.2f}"
            out.print(f"  {name:28} named right {row['exercise_right']:.2f}{words}")


def _cell(bounded: Bounded) -> str:
    value, low, high = bounded
    return "-" if np.isnan(value) else f"{value:.3f} ({low:.2f}-{high:.2f})"
