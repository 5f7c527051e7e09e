"""Train the phase network: `python -m research.train_phases REPCOUNT IRDS -o DIR`.

--folds trains one network per fold of the videos, each without the videos of its fold, for honest
figures on RepCount-pose (`folds.safetensors`, half precision). --shipped trains the network of the
pipeline on all videos (`phases.safetensors`). Without either option both are trained: six networks,
each of two trainings of ten to fifteen minutes on one core.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file

from benchmarks.machine import describe
from repscore.models.phases.metrics import CountingFigures, counting_figures
from repscore.models.phases.network import VECTORS, PhaseNetwork
from repscore.models.skeleton import JOINT
from repscore.models.torso import torso_px
from repscore.pipelines.labels import LabelledInput
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions.clean import MAX_GAP_S, samples_of, seen
from research.counting import OURS, compare
from research.irds import RATE_HZ, IrdsRepetition, read_irds
from research.layout import name_of, read_image_poses
from research.phases.examples import CropConfig, MotionSequence, hold
from research.phases.folds import fold_networks
from research.phases.train import train

FOLDS: Final = 5
ROUNDS: Final = (
    (1620, CropConfig(hidden=0.12, ends=0.0, short=0.0)),
    (1620, CropConfig(hidden=0.2, ends=0.4, short=0.0)),
    (2600, CropConfig(hidden=0.2, ends=0.2, short=0.35)),
    (2400, CropConfig(hidden=0.2, ends=0.2, short=0.45)),
)
"""Steps and crops: each round goes on from where the one before ended."""
MEMBERS: Final = ((0, 3), (1, 2), (1, 3))
"""What is averaged: the weights of a training (its number seeds it) after a round (from 0)."""
CARD: Final = Path(__file__).parent / "phases" / "card.md"
VIDEO_SHARE, EXECUTION_SHARE = 0.6, 0.15
"""Shares of the examples; the rest is random motion."""
_MIN_EXECUTION_S: Final = 0.4
_STILL: Final = 0.12  # of an execution's way, within which it has not begun or is over
_FROM: Final = [JOINT[start] for start, _ in VECTORS]
_TO: Final = [JOINT[end] for _, end in VECTORS]

Array = npt.NDArray[np.float64]
Weights = dict[str, npt.NDArray[np.float32]]


def sequence_of(labelled: LabelledInput, poses: PoseFrames) -> MotionSequence:
    """A labelled video as the pipeline measures it, before it is put on a grid."""
    samples = seen(samples_of(poses))
    image = samples.image_px
    vectors = (image[:, _TO] - image[:, _FROM]) / torso_px(image, samples.world_m)
    rate_hz = 1 / float(np.median(np.diff(samples.time_s)))
    known = np.asarray(~np.isnan(vectors).any(axis=(1, 2)))
    filled, present = hold(np.nan_to_num(vectors), known, round(MAX_GAP_S * rate_hz) - 1)
    spans = tuple((each.start_s, each.end_s) for each in labelled.repetitions)
    return MotionSequence(filled, present, rate_hz, spans)


def sequences_of(executions: Sequence[IrdsRepetition]) -> list[MotionSequence]:
    """Correct single executions, those of a subject and gesture one after the other.

    Between two the body moves from one rest to the next, and often rests.
    """
    groups = defaultdict[tuple[str, str], list[IrdsRepetition]](list)
    for execution in executions:
        if execution.correct:
            groups[execution.subject, str(execution.exercise)].append(execution)
    rng = np.random.default_rng(0)
    sequences = (_one_after_the_other(group, rng) for _, group in sorted(groups.items()))
    return [sequence for sequence in sequences if sequence is not None]


def _one_after_the_other(
    group: Sequence[IrdsRepetition], rng: np.random.Generator
) -> MotionSequence | None:
    parts: list[Array] = []
    spans: list[tuple[float, float]] = []
    for labelled in group:
        body = labelled.body * np.array([1.0, -1.0, -1.0])
        vectors = body[:, _TO] - body[:, _FROM]
        first, end = _moving(vectors)
        if end - first < _MIN_EXECUTION_S * RATE_HZ:
            continue
        if parts:
            share = np.linspace(0, 1, int(rng.integers(6, 18)))[1:-1, None, None]
            parts.append(parts[-1][-1] * (1 - share) + vectors[0] * share)
            if rng.random() < 0.4:
                parts.append(np.repeat(vectors[:1], rng.integers(5, 60), axis=0))
        offset = sum(map(len, parts))
        spans.append(((offset + first) / RATE_HZ, (offset + end) / RATE_HZ))
        parts.append(vectors)
    if not parts:
        return None
    vectors = np.concatenate(parts)
    return MotionSequence(vectors, np.ones(len(vectors)), RATE_HZ, tuple(spans))


def _moving(vectors: Array) -> tuple[int, int]:
    """Frames [first, end) between the rests at the ends of vectors (N, 10, 3)."""
    away, back = (
        np.linalg.norm((vectors - rest.mean(axis=0)).reshape(len(vectors), -1), axis=1)
        for rest in (vectors[:3], vectors[-3:])
    )
    far = int(away.argmax())
    before = np.flatnonzero(away[: far + 1] < _STILL * away.max())
    after = np.flatnonzero(back[far:] < _STILL * back.max())
    first = int(before[-1]) if len(before) else 0
    return first, far + int(after[0]) + 1 if len(after) else len(vectors)


def folds_of(videos: Sequence[LabelledInput]) -> dict[str, int]:
    """Video -> fold: the videos of an exercise are shuffled and go to the folds in turn."""
    rng = np.random.default_rng(0)
    fold_of: dict[str, int] = {}
    for exercise in sorted({str(video.exercise) for video in videos}):
        names = np.array([name_of(video) for video in videos if video.exercise == exercise])
        rng.shuffle(names)
        for name in names.tolist():
            fold_of[name] = len(fold_of) % FOLDS
    return fold_of


def train_network(
    videos: Sequence[MotionSequence], executions: Sequence[MotionSequence], fold: int
) -> PhaseNetwork:
    """The averaged members; `fold` (FOLDS for the network of the pipeline) is part of the seed."""

    def members() -> Iterator[Weights]:
        for training in sorted({training for training, _ in MEMBERS}):
            weights: Weights | None = None
            for number, (steps, crops) in enumerate(ROUNDS):
                weights = train(
                    [(VIDEO_SHARE, videos), (EXECUTION_SHARE, executions)],
                    steps=steps,
                    seed=(training * len(ROUNDS) + number) * (FOLDS + 1) + fold,
                    crops=crops,
                    initial=weights,
                    report=lambda step, loss: print(f"  step {step}: loss {loss:.3f}", flush=True),
                )
                if (training, number) in MEMBERS:
                    yield weights

    begun_s = time.monotonic()
    network = PhaseNetwork.of(list(members()))
    print(f"fold {fold}: {len(videos)} videos, {time.monotonic() - begun_s:.0f} s", flush=True)
    return network


def train_folds(
    sequences: Mapping[str, MotionSequence],
    executions: Sequence[MotionSequence],
    fold_of: Mapping[str, int],
) -> dict[str, npt.NDArray[np.float16]]:
    """Tensors `FOLD.NAME` of the network of every fold, in half precision."""
    tensors = {}
    for fold in range(FOLDS):
        others = [sequences[name] for name in sequences if fold_of[name] != fold]
        network = train_network(others, executions, fold)
        for name, tensor in network.weights.items():
            tensors[f"{fold}.{name}"] = tensor.astype(np.float16)
    return tensors


def card(minutes: float, figures: CountingFigures | None) -> str:
    """What was trained, from what, how long it took and how well it counts."""
    held_out = "not measured in this run: it trained the shipped network alone."
    if figures is not None:
        values = (figures.obo, figures.mae, *figures.f1)
        names = ("OBO", "MAE", "F1 at 0.5", "F1 at 0.7")
        bounded = [
            f"{name} {value:.2f} ({low:.2f}-{high:.2f})"
            for name, value, low, high in zip(names, values, figures.low, figures.high, strict=True)
        ]
        held_out = (
            f"{figures.videos} videos of RepCount-pose, each by the network that never saw it: "
            f"exact {figures.exact:.2f}, {', '.join(bounded)}."
        )
    return CARD.read_text().format(
        date=date.today(), versions=describe(), minutes=round(minutes), figures=held_out
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write the weights and their card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repcount", type=Path, help="RepCount-pose, converted")
    parser.add_argument("irds", type=Path, help="IntelliRehabDS, not converted")
    parser.add_argument("--folds", action="store_true", help="only the networks of the folds")
    parser.add_argument("--shipped", action="store_true", help="only the network of the pipeline")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="DIR")
    options = parser.parse_args(arguments)
    both = options.folds == options.shipped
    torch.set_num_threads(1)
    print(describe(), flush=True)
    videos = read_image_poses(options.repcount)
    sequences = {name_of(labelled): sequence_of(labelled, poses) for labelled, poses in videos}
    executions = sequences_of(read_irds(options.irds))
    options.output.mkdir(parents=True, exist_ok=True)
    begun_s, figures = time.monotonic(), None
    if both or options.folds:
        fold_of = folds_of([labelled for labelled, _ in videos])
        path = options.output / "folds.safetensors"
        metadata = {name: str(fold) for name, fold in fold_of.items()}
        save_file(train_folds(sequences, executions, fold_of), path, metadata=metadata)
        figures = counting_figures(compare(videos, fold_networks(path))[OURS])
    if both or options.shipped:
        shipped = train_network(list(sequences.values()), executions, FOLDS)
        save_file(dict(shipped.weights), options.output / "phases.safetensors")
    minutes = (time.monotonic() - begun_s) / 60
    (options.output / "CARD.md").write_text(card(minutes, figures))


if __name__ == "__main__":
    main()
