"""`repscore evaluate scoring`: recognition and correctness on people who were not learned from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from repscore.models.scorer.distance import score_of, tensors
from repscore.models.scorer.files import References
from repscore.models.scorer.learned import LearnedScorer, as_seen_by
from repscore.models.scorer.lengths import sequences_of
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.network import Judgement
from repscore.models.scorer.reference import ReferenceScorer
from repscore.models.scorer.represent import Phases, represent
from repscore.pipelines.evaluate.labelled import Labelled, exercises_of
from repscore.pipelines.evaluate.methods import BOTH, METHODS, Floats, Material, Method, Rows, mean
from repscore.pipelines.evaluate.rates import Dealt, Figures, by_exercise, figures
from repscore.pipelines.evaluate.unknown import Rejection, unknown
from repscore.pipelines.learn import read_file
from repscore.pipelines.query import plain
from repscore.pipelines.train.drawn import drawn, others
from repscore.pipelines.train.examples import read_all
from repscore.transforms.cluster import Report, no_report, run_jobs

FOLDS: Final = 8
_DRAWS, _SHOTS = 10, 3


def folds_of(
    subjects: npt.NDArray[np.str_], kinds: npt.NDArray[np.generic], rng: np.random.Generator
) -> Rows:
    """(R,) fold 0..7: subjects dealt in the order of a shuffle, kind after kind.

    Args:
        kinds: (R,) what every fold should have some of: patients, or the exercises of videos.
    """
    dealt = [
        name
        for kind in np.unique(kinds)[::-1]
        for name in rng.permutation(np.unique(subjects[kinds == kind]))
    ]
    return np.array([dealt.index(name) % FOLDS for name in subjects])


def cross_validate(
    material: Material,
    dealt: Sequence[Rows],
    method: Method,
    workers: int = 1,
    tell: Report = no_report,
) -> list[Dealt]:
    """Every repetition judged by what was learned from the other folds, each time they are dealt.

    Args:
        dealt: (R,) folds, from 0; material after these R rows is learned from in each fold.
        workers: so many folds at once.
        tell: called with the words for a fold that has been judged and the time it was dealt.
    """
    after = np.arange(len(dealt[0]), len(material.items))

    def of(job: tuple[int, int], tell: Report) -> Judgement:
        time, fold = job
        folds = dealt[time]
        known = np.concatenate([np.flatnonzero(folds != fold), after])
        found = method(material, known, np.flatnonzero(folds == fold))
        tell(f"fold {fold + 1} of {len(np.unique(folds))}", time)
        return found

    every = [
        Judgement(np.zeros((len(folds), len(material.names))), np.zeros(len(folds)))
        for folds in dealt
    ]
    jobs = [(time, fold) for time, folds in enumerate(dealt) for fold in np.unique(folds).tolist()]
    for (time, fold), found in zip(jobs, run_jobs(of, jobs, workers, tell), strict=True):
        asked = dealt[time] == fold
        every[time].exercise[asked], every[time].correct[asked] = found.exercise, found.correct
    return [*zip(dealt, every, strict=True)]


def few_shot(material: Material) -> dict[str, tuple[float, float]]:
    """Exercise -> mean and spread of the AUC with three correct executions as only knowledge.

    The reference scorer, told the exercise; executions of three subjects, drawn ten times, judge
    all other subjects. Exercises of which nothing is incorrect there are left out.
    """
    rng = np.random.default_rng(0)
    phases = represent(material.executions)
    found = {}
    for number, name in enumerate(material.names):
        aucs = []
        own = np.flatnonzero((material.exercise == number) & material.judged)
        good = own[material.correct[own] > 0]
        for _ in range(_DRAWS):
            people = rng.permutation(np.unique(material.subject[good]))[:_SHOTS]
            shown = np.array([rng.choice(good[material.subject[good] == one]) for one in people])
            asked = own[~np.isin(material.subject[own], people)]
            if len(np.unique(material.correct[asked])) == 2:
                score = _by_references(phases, shown, asked)
                aucs.append(roc_auc_score(material.correct[asked] > 0, score))
        if aucs:
            found[name] = (float(np.mean(aucs)), float(np.std(aucs)))
    return found


def _by_references(phases: Phases, shown: Rows, asked: Rows) -> Floats:
    def rows(chosen: Rows) -> Phases:
        return Phases(phases.values[chosen], phases.mask[chosen], phases.log_duration[chosen])

    count = np.arange(len(shown))
    scorer = ReferenceScorer(References(("one",), rows(shown), np.zeros_like(count), count))
    with torch.no_grad():
        far = scorer(*tensors(rows(asked)))
    return score_of(torch.hypot(far.pose[:, 0], far.tempo[:, 0])).double().numpy()


@dataclass(frozen=True)
class Asked:
    """What is evaluated, and how.

    Attributes:
        methods: names of METHODS; all learn from the other folds, or from `train` alone.
        train: folders to learn from, with people of their own.
        drawn: executions drawn of each exercise that is known to `drawn`, to learn from as well.
        drawn_others: executions drawn of each exercise that is none of the data's; networks learn
            to name none of them.
        labels: CSV with the truth of those folders that are datasets of ours.
        model: file of a trained scorer, beside the methods.
        leaky: the random split that leaks people, beside the honest one.
        repeats: how often folds are dealt and everything is learned; figures are means.
        workers: folds, or exercises left out, that are learned at once, each on a core of its own.
    """

    path: Path
    methods: tuple[str, ...]
    train: tuple[Path, ...] = ()
    drawn: int = 0
    drawn_others: int = 0
    labels: Path | None = None
    model: str | None = None
    leaky: bool = False
    repeats: int = 1
    workers: int = 1


def evaluate(asked: Asked, *, as_json: bool, quiet: bool) -> None:
    """Evaluate a folder of repetitions with labels; print a table or one JSON object.

    Raises ValueError for folders, NoScorer for a scorer file, that cannot be used.
    """
    scorer = None if asked.model is None else read_file(asked.model)
    if isinstance(scorer, References):
        raise ValueError(f"{asked.model}: expected a scorer of `repscore train`, found clips")
    own, *further = read_all([asked.path, *asked.train], asked.labels)
    material = Material(own.items)
    rng = np.random.default_rng(0)
    folds = [folds_of(material.subject, material.kinds, rng) for _ in range(asked.repeats)]
    found: dict[tuple[str, str], list[Dealt]] = {}

    def tell(words: str) -> None:
        if not quiet and not as_json:
            click.echo(words, err=True)

    def told(whole: str) -> Report:
        tell(whole)
        times = asked.repeats
        return lambda part, time: tell(
            f"{whole}, {part}" + (f", dealt time {time + 1} of {times}" if times > 1 else "")
        )

    learned = [item for other in further for item in other.items]
    more, aside = _drawn(exercises_of(learned or own.items), asked)
    lessons = material
    if asked.train:
        protocol = "learned from " + ", ".join(path.resolve().name for path in asked.train) + aside

        def judged(name: str, tell: Report) -> Judgement:
            judgement = transfer(learned, material, METHODS[name], more)
            tell(f"{protocol}: {name}")
            return judgement

        judgements = run_jobs(judged, asked.methods, asked.workers, tell)
        for name, judgement in zip(asked.methods, judgements, strict=True):
            found[protocol, name] = [(folds[0], judgement)]
    else:
        lessons = Material([*own.items, *as_deep_as(own.items, more)]) if more else material
        often = f", dealt {asked.repeats} times" if asked.repeats > 1 else ""
        protocols = {"by subject" + often + aside: folds}
        if asked.leaky:
            rng = np.random.default_rng(0)
            protocols["LEAKY random split" + often + aside] = [
                rng.permutation(len(material.items)) % FOLDS for _ in folds
            ]
        for protocol, dealt in protocols.items():
            for name in asked.methods:
                found[protocol, name] = cross_validate(
                    lessons, dealt, METHODS[name], asked.workers, told(f"{protocol}: {name}")
                )
    for protocol, name in [*found]:
        if name == "linear" and (protocol, "network-phases") in found:
            pairs = zip(found[protocol, "network-phases"], found[protocol, "linear"], strict=True)
            found[protocol, BOTH] = [(once, mean(one, other)) for (once, one), (_, other) in pairs]
    if scorer is not None:
        name = Path(str(asked.model)).stem
        tell(f"{name}: figures are kind to people of {scorer.about.get('data')}")
        found["as it is", name] = [(folds[0], by_scorer(scorer, material))]
    table = {key: figures(material, one) for key, one in found.items()}
    each = {key: by_exercise(material, one) for key, one in found.items()}
    alone = not asked.train and scorer is None
    shots = few_shot(material) if alone else {}
    # Where nobody judged, the question is whether another exercise is told from the known ones.
    rejected = {}
    if alone and not material.judged.any():
        rejected = unknown(lessons, folds, asked.workers, told("left out"))
    if as_json:
        rows = [
            {"protocol": key[0], "method": key[1], **vars(one),
             "balanced_by_exercise": each[key]}
            for key, one in table.items()
        ]  # fmt: skip
        unlike = {name: one._asdict() for name, one in rejected.items()}
        click.echo(json.dumps(plain({"methods": rows, "references": shots, "unknown": unlike})))
    else:
        show(table, each, shots, rejected)


def _drawn(exercises: Sequence[str], asked: Asked) -> tuple[list[Labelled], str]:
    """What is drawn beside data of these exercises, and the words that say so."""
    more = drawn(exercises, asked.drawn, 0)
    none = others(exercises, asked.drawn_others, 0)
    words = []
    if more:
        words += [f"{asked.drawn} drawn of {', '.join(exercises_of(more))}"]
    if none:
        count = asked.drawn_others
        words += [f"{count} drawn of each of {len(none) // count} others for networks"]
    return [*more, *none], f", with {' and '.join(words)}" if words else ""


def as_deep_as(items: Sequence[Labelled], further: Sequence[Labelled]) -> list[Labelled]:
    """The further ones, as the picture shows them where some of the items have no depth."""
    if all(np.isfinite(item.execution.body).any() for item in items):
        return list(further)
    return [replace(one, execution=as_seen_by("picture", one.execution)) for one in further]


def transfer(
    learned: Sequence[Labelled],
    material: Material,
    method: Method,
    more: Sequence[Labelled] = (),
) -> Judgement:
    """What a method that learned from other people, and from drawn ones, says of all the material.

    Where one side has no depth, neither has. Raises ValueError where somebody, or no exercise, is
    on both sides.
    """
    shared = sorted({item.subject for item in learned} & set(material.subject))
    if shared:
        raise ValueError(
            f"{', '.join(shared[:5])}{', ...' if len(shared) > 5 else ''}: on both sides; expected "
            "to learn from people, or videos, other than those that are judged"
        )
    known = exercises_of(learned)
    if not set(known) & set(material.names):
        raise ValueError(
            f"no exercise on both sides: learned are {', '.join(known)}, asked about are "
            f"{', '.join(material.names)}"
        )
    # A method names what was learned; the truth of those it is asked about is none of its business.
    asked = [replace(item, exercise=None, correct=None) for item in material.items]
    lessons = [*learned, *more]
    every = [*lessons, *asked]
    both = Material(as_deep_as(every, every))
    rows = np.arange(len(both.items))
    found = method(both, rows[: len(lessons)], rows[len(lessons) :])
    return in_names(found, both.names, material.names)


def by_scorer(model: ScorerModel, material: Material) -> Judgement:
    """What a trained scorer says of all the material, sure of it or not."""
    own = [as_seen_by(model.rules.sensor, execution) for execution in material.executions]
    seen, away = LearnedScorer(model).judge(sequences_of(own, "phases", None))
    correct = -away if model.rules.correct is None else seen.correct
    return in_names(Judgement(seen.named, correct), model.rules.exercises, material.names)


def in_names(found: Judgement, known: Sequence[str], asked: Sequence[str]) -> Judgement:
    """Probabilities of the exercises asked about, then of the likeliest one that was not.

    An exercise that was not known has none.
    """
    unasked = [found.exercise[:, place] for place, name in enumerate(known) if name not in asked]
    nothing = np.zeros(len(found.exercise))
    named = [found.exercise[:, known.index(name)] if name in known else nothing for name in asked]
    other = np.max(unasked, axis=0) if unasked else nothing
    return Judgement(np.stack([*named, other], axis=1), found.correct)


def show(
    table: Mapping[tuple[str, str], Figures],
    each: Mapping[tuple[str, str], Mapping[str, float]],
    shots: Mapping[str, tuple[float, float]],
    rejected: Mapping[str, Rejection],
) -> None:
    """Print what there is of: figures of every method, by exercise, of references, of unknowns."""
    console = Console(highlight=False, width=200)
    headings = {
        "auc": "AUC", "auc_patients": "AUC patients", "balanced": "balanced accuracy",
        "accuracy": "exercise right", "accuracy_correct": "of correct ones",
        "majority": "videos right", "coverage": "intervals cover", "decided": "and decide",
    }  # fmt: skip
    there = {
        key: heading
        for key, heading in headings.items()
        if not all(np.isnan(getattr(found, key)[0]) for found in table.values())
    }
    grid = Table(box=None, pad_edge=False)
    for heading in ("protocol", "method", *there.values()):
        grid.add_column(heading, no_wrap=True)
    for (protocol, name), found in table.items():
        cells = [getattr(found, key) for key in there]
        told = ("-" if np.isnan(v) else f"{v:.3f} ({a:.2f}-{b:.2f})" for v, a, b in cells)
        grid.add_row(protocol, name, *told)
    console.print(grid)
    judged = [
        n for n in next(iter(each.values())) if any(not np.isnan(e[n]) for e in each.values())
    ]
    if judged:
        console.print("\nBalanced accuracy by exercise:")
        for (protocol, name), own in each.items():
            words = [f"{n} {own[n]:.2f}" for n in judged if not np.isnan(own[n])]
            console.print(f"  {protocol}, {name}: {', '.join(words)}")
    if shots:
        console.print("\nThree correct executions of other subjects as the only knowledge, AUC:")
    for name, (middle, spread) in shots.items():
        console.print(f"  {name:28} {middle:.2f} ± {spread:.2f}")
    if rejected:
        console.print("\nAn exercise that was left out against the others, AUC:")
        for name, one in rejected.items():
            console.print(f"  {name:28} repetitions {one.repetitions:.2f}  videos {one.videos:.2f}")
        videos = float(np.mean([one.videos for one in rejected.values()]))
        repetitions = float(np.mean([one.repetitions for one in rejected.values()]))
        console.print(f"  {'mean':28} repetitions {repetitions:.2f}  videos {videos:.2f}")
