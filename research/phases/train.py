"""Training on sequences whose repetitions are known, and on random motion."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from repscore.models.phases.network import PHASE_CLASSES
from research.phases.examples import CropConfig, Example, MotionSequence, crop
from research.phases.module import PhaseModule
from research.phases.random_motion import random_motion

_LENGTH: Final = 600
_BATCH: Final = 10
_RATE: Final = 3e-3
_DECAY: Final = 1e-2
_SMOOTHING: Final = 0.02
_AVERAGING: Final = 0.01  # share of each step in the averaged weights


def train(
    sources: Sequence[tuple[float, Sequence[MotionSequence]]],
    *,
    steps: int,
    seed: int,
    crops: CropConfig,
    initial: Mapping[str, npt.NDArray[np.float32]] | None = None,
    report: Callable[[int, float], None] = lambda _step, _loss: None,
) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of a member of `network.PhaseNetwork`.

    `sources` are groups of sequences, each with its share of the examples; random motion makes up
    the rest. Training starts from `initial`, else from random weights, and reports step and mean
    loss every hundred steps. The same sequences, steps and seed give the same weights on the same
    machine.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    module = PhaseModule()
    if initial is not None:
        module.load(initial)
    optimiser = torch.optim.AdamW(module.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _RATE, total_steps=steps, pct_start=0.15
    )
    groups = [sequences for _, sequences in sources]
    shares = np.cumsum([share for share, _ in sources])
    chances = [np.array([len(each.vectors) ** 0.6 for each in group]) for group in groups]
    bodies = np.concatenate([each.vectors[each.present > 0][::15] for each in groups[0]])

    def example() -> Example:
        group = int(np.searchsorted(shares, rng.random(), side="right"))
        if group == len(groups):
            return random_motion(bodies, rng, _LENGTH)
        chance = chances[group] / chances[group].sum()
        return crop(groups[group][rng.choice(len(chance), p=chance)], rng, _LENGTH, crops)

    averages: list[torch.Tensor] = []
    losses: list[float] = []
    for step in range(steps):
        module.train()
        loss = _loss(module, [example() for _ in range(_BATCH)])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step >= steps // 4:
            values = [value.detach() for value in module.parameters()]
            averages = averages or [value.clone() for value in values]
            for average, value in zip(averages, values, strict=True):
                average.lerp_(value, _AVERAGING)
        if (step + 1) % 100 == 0:
            report(step + 1, float(np.mean(losses[-100:])))
    with torch.no_grad():
        for parameter, average in zip(module.parameters(), averages, strict=True):
            parameter.copy_(average)
    return module.weights()


def _loss(module: PhaseModule, examples: Sequence[Example]) -> torch.Tensor:
    def column(values: list[npt.NDArray[np.float64]]) -> torch.Tensor:
        return torch.tensor(np.stack(values), dtype=torch.float32)

    vectors = column([example.vectors for example in examples])
    present = column([example.present for example in examples])[..., None]
    weight = column([example.weight for example in examples]).reshape(-1)
    shape = torch.tensor([example.shape for example in examples])[:, None, None]
    phase = torch.tensor(np.stack([example.phase for example in examples])).reshape(-1)
    logits = module(vectors, present, shape).reshape(-1, 1 + PHASE_CLASSES)
    losses = functional.cross_entropy(logits, phase, reduction="none", label_smoothing=_SMOOTHING)
    return (losses * weight).sum() / weight.sum()
