"""Training the network on sequences whose repetitions are known, and on invented exercises."""

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from repscore.models.phases.examples import Example, Recipe, Sequence, crop
from repscore.models.phases.invented import invent
from repscore.models.phases.module import PhaseModule
from repscore.models.phases.network import PHASES

_LENGTH: Final = 600
_BATCH: Final = 10
_RATE: Final = 3e-3
_DECAY: Final = 1e-2
_SMOOTHING: Final = 0.02
_AVERAGED: Final = 0.01  # of each step, in the weights that are kept


def train(
    sources: Many[tuple[float, Many[Sequence]]],
    *,
    steps: int,
    seed: int,
    recipe: Recipe,
    begin: Mapping[str, npt.NDArray[np.float32]] | None = None,
    tell: Callable[[int, float], None] = lambda _step, _loss: None,
) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of a member of `network.PhaseNetwork`.

    `sources` are groups of sequences, each with the share of the examples that it gives; what is
    missing to 1 is invented.
    It begins with the weights `begin`, else with random ones; `tell` hears step and loss every
    hundred steps.
    The same sequences, steps and seed give the same weights on the same machine.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    module = PhaseModule()
    if begin is not None:
        module.take(begin)
    optimiser = torch.optim.AdamW(module.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _RATE, total_steps=steps, pct_start=0.15
    )
    groups = [sequences for _, sequences in sources]
    shares = np.cumsum([share for share, _ in sources])
    chances = [np.array([len(one.vectors) ** 0.6 for one in group]) for group in groups]
    bodies = np.concatenate([one.vectors[one.present > 0][::15] for one in groups[0]])

    def example() -> Example:
        group = int(np.searchsorted(shares, rng.random(), side="right"))
        if group == len(groups):
            return invent(bodies, rng, _LENGTH)
        chance = chances[group] / chances[group].sum()
        return crop(groups[group][rng.choice(len(chance), p=chance)], rng, _LENGTH, recipe)

    kept: list[torch.Tensor] = []
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
            kept = kept or [value.clone() for value in values]
            for mean, value in zip(kept, values, strict=True):
                mean.lerp_(value, _AVERAGED)
        if (step + 1) % 100 == 0:
            tell(step + 1, float(np.mean(losses[-100:])))
    with torch.no_grad():
        for parameter, mean in zip(module.parameters(), kept, strict=True):
            parameter.copy_(mean)
    return module.weights()


def _loss(module: PhaseModule, examples: Many[Example]) -> torch.Tensor:
    def column(values: list[npt.NDArray[np.float64]]) -> torch.Tensor:
        return torch.tensor(np.stack(values), dtype=torch.float32)

    vectors = column([example.vectors for example in examples])
    present = column([example.present for example in examples])[..., None]
    weight = column([example.weight for example in examples]).reshape(-1)
    shape = torch.tensor([example.shape for example in examples])[:, None, None]
    phase = torch.tensor(np.stack([example.phase for example in examples])).reshape(-1)
    logits = module(vectors, present, shape).reshape(-1, 1 + PHASES)
    each = functional.cross_entropy(logits, phase, reduction="none", label_smoothing=_SMOOTHING)
    return (each * weight).sum() / weight.sum()
