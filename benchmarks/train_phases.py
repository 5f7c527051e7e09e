"""Train the phase network: `train_phases.py REPCOUNT_POSE IRDS`, the folders that evaluate takes.

Five folds by video, balanced by exercise: each fold's network never sees the fold's videos and is
what `repscore evaluate counting` uses on them (`folds.safetensors`). The network that the pipeline
uses is trained on all videos (`phases.safetensors`), with the same settings. Ten to fifteen minutes
a training on one core, twelve trainings.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from machine import describe
from safetensors.numpy import save_file

from repscore.models import phases
from repscore.models.phases.examples import Recipe, Sequence, hold
from repscore.models.phases.network import VECTORS, PhaseNetwork
from repscore.models.phases.train import train
from repscore.models.skeleton import JOINT
from repscore.pipelines.evaluate.irds import RATE_HZ, read_irds
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.evaluate.repcount import LabelledPoses, read_repcount
from repscore.transforms.repetitions import normalise
from repscore.transforms.repetitions.clean import MAX_GAP_S, samples_of, seen

FOLDS = 5
ROUNDS = (
    (1620, Recipe(hidden=0.12, ends=0.0, short=0.0)),
    (1620, Recipe(hidden=0.2, ends=0.4, short=0.0)),
    (2600, Recipe(hidden=0.2, ends=0.2, short=0.35)),
    (2400, Recipe(hidden=0.2, ends=0.2, short=0.45)),
)
"""Steps and recipes: each round goes on from where the one before ended."""
MEMBERS = ((0, 3), (1, 2), (1, 3))
"""What is averaged: the weights of a training (it seeds it) after a round (from 0)."""
VIDEOS, EXECUTIONS = 0.6, 0.15
"""Shares of the examples; the rest is invented."""
_LEAST = 0.4  # seconds that an execution lasts
_STILL = 0.12  # of an execution's way, within which it has not begun or is over

Weights = dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]


def sequence_of(one: LabelledPoses) -> Sequence:
    """A labelled video as the pipeline measures it, before it is put on a grid."""
    samples = seen(samples_of(one.poses))
    image = samples.image_px
    ends, starts = ([JOINT[pair[side]] for pair in VECTORS] for side in (1, 0))
    vectors = (image[:, ends] - image[:, starts]) / normalise.torso_px(image, samples.world_m)
    rate_hz = 1 / float(np.median(np.diff(samples.time_s)))
    known = ~np.isnan(vectors).any(axis=(1, 2))
    filled, present = hold(np.nan_to_num(vectors), known, round(MAX_GAP_S * rate_hz) - 1)
    return Sequence(filled, present, rate_hz, one.truth)


def sequences_of(executions: list[Labelled]) -> list[Sequence]:
    """Correct single executions, those of a subject and gesture one after the other.

    Between two the body moves from one rest to the next, and often rests.
    """
    groups = defaultdict[tuple[str, str], list[Labelled]](list)
    for one in executions:
        if one.correct:
            groups[one.subject, one.exercise].append(one)
    rng = np.random.default_rng(0)
    return [found for _, group in sorted(groups.items()) if (found := _one_by_one(group, rng))]


def _one_by_one(group: list[Labelled], rng: np.random.Generator) -> Sequence | None:
    ends, starts = ([JOINT[pair[side]] for pair in VECTORS] for side in (1, 0))
    course, spans = [], []
    for one in group:
        body = one.execution.body * np.array([1.0, -1.0, -1.0])
        vectors = body[:, ends] - body[:, starts]
        first, after = _moving(vectors)
        if after - first < _LEAST * RATE_HZ:
            continue
        if course:
            share = np.linspace(0, 1, int(rng.integers(6, 18)))[1:-1, None, None]
            course.append(course[-1][-1] * (1 - share) + vectors[0] * share)
            if rng.random() < 0.4:
                course.append(np.repeat(vectors[:1], rng.integers(5, 60), axis=0))
        begin = sum(map(len, course))
        spans.append(((begin + first) / RATE_HZ, (begin + after) / RATE_HZ))
        course.append(vectors)
    if not course:
        return None
    whole = np.concatenate(course)
    return Sequence(whole, np.ones(len(whole)), RATE_HZ, tuple(spans))


def _moving(vectors: np.ndarray) -> tuple[int, int]:
    """Frames [first, after) between the rests at the ends of vectors (N, 10, 3)."""
    away, back = (
        np.linalg.norm((vectors - rest.mean(axis=0)).reshape(len(vectors), -1), axis=1)
        for rest in (vectors[:3], vectors[-3:])
    )
    far = int(away.argmax())
    before = np.flatnonzero(away[: far + 1] < _STILL * away.max())
    behind = np.flatnonzero(back[far:] < _STILL * back.max())
    first = int(before[-1]) if len(before) else 0
    return first, far + int(behind[0]) + 1 if len(behind) else len(vectors)


def folds_of(sequences: list[LabelledPoses]) -> dict[str, int]:
    """Video -> fold: the videos of an exercise, shuffled, dealt out in turn."""
    rng = np.random.default_rng(0)
    dealt: dict[str, int] = {}
    for exercise in sorted({one.exercise for one in sequences}):
        names = np.array([one.name for one in sequences if one.exercise == exercise])
        rng.shuffle(names)
        for name in names.tolist():
            dealt[name] = len(dealt) % FOLDS
    return dealt


def main() -> None:
    """Train and write the weights beside the code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of RepCount-pose")
    parser.add_argument("executions", type=Path, help="folder of IntelliRehabDS")
    parser.add_argument("--output", type=Path, default=Path(phases.__file__).parent)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(describe(), flush=True)
    labelled = read_repcount(arguments.data)
    sequences = {one.name: sequence_of(one) for one in labelled}
    dealt = folds_of(labelled)
    others = EXECUTIONS, sequences_of(read_irds(arguments.executions))
    tensors: dict[str, np.ndarray] = {}
    named = {name: str(fold) for name, fold in dealt.items()}
    for fold in range(FOLDS + 1):  # the last one leaves nobody out
        begun_s = time.monotonic()
        own = [sequences[name] for name in sequences if dealt[name] != fold]
        members: list[Weights] = []
        for training in sorted({training for training, _ in MEMBERS}):
            weights: Weights | None = None
            for number, (steps, recipe) in enumerate(ROUNDS):
                weights = train(
                    [(VIDEOS, own), others],
                    steps=steps,
                    seed=(training * len(ROUNDS) + number) * (FOLDS + 1) + fold,
                    recipe=recipe,
                    begin=weights,
                    tell=lambda step, loss: print(f"  step {step}: loss {loss:.3f}", flush=True),
                )
                if (training, number) in MEMBERS:
                    members.append(weights)
        found = PhaseNetwork.of(members).weights
        print(f"fold {fold}: {len(own)} videos, {time.monotonic() - begun_s:.0f} s", flush=True)
        if fold == FOLDS:
            save_file(dict(found), arguments.output / "phases.safetensors")
        else:
            half = {f"{fold}.{name}": value.astype(np.float16) for name, value in found.items()}
            tensors |= half
            save_file(tensors, arguments.output / "folds.safetensors", metadata=named)


if __name__ == "__main__":
    main()
