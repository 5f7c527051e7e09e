"""The network as a torch module, for training; `network.py` computes the same as a stream."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from repscore.models.phases.network import FLOOR, INPUTS, LAGS, MIRROR, PARTS, PHASE_CLASSES, TAPS

_DROPOUT: Final = 0.1


class PhaseModule(nn.Module):
    """Vectors (B, T, FEATURES) to logits (B, T, 1 + PHASE_CLASSES)."""

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        self.inp = nn.Linear(INPUTS, width)
        self.mix = nn.ModuleList(nn.Linear(3 * width, width) for _ in TAPS)
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in TAPS)
        self.head = nn.Linear(width, 1 + PHASE_CLASSES)

    def forward(self, vectors: Tensor, present: Tensor, shape: Tensor) -> Tensor:
        """`present` (B, T, 1) 0 or 1; where `shape` (B, 1, 1) is 0, motion alone is seen."""
        length = vectors.shape[1]
        distances, body = _distances(vectors), vectors * shape
        direct, mirrored = (
            functional.relu(self.inp(torch.cat([distances, view, present], -1)))
            for view in (body, _mirrored(body))
        )
        hidden = (direct + mirrored) / 2
        for taps, mix, out in zip(TAPS, self.mix, self.out, strict=True):
            padded = functional.pad(hidden, (0, 0, -taps[0], taps[-1]))
            rows = [padded[:, tap - taps[0] : tap - taps[0] + length] for tap in taps]
            mixed = functional.relu(mix(torch.cat(rows, -1)))
            if self.training:  # as functional.dropout, in a third of its time on a CPU
                mixed = mixed * (torch.rand_like(mixed) > _DROPOUT) / (1 - _DROPOUT)
            hidden = hidden + out(mixed)
        logits: Tensor = self.head(functional.relu(hidden))
        return logits

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """A member of `network.PhaseNetwork`."""
        return {
            name: np.ascontiguousarray(value.detach().numpy().T, np.float32)
            for name, value in self.state_dict().items()
        }

    def load(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Continue from such weights."""
        self.load_state_dict({name: torch.tensor(value.T) for name, value in weights.items()})


def _mirrored(vectors: Tensor) -> Tensor:
    pairs = vectors.reshape(*vectors.shape[:-1], len(MIRROR), 2)[..., list(MIRROR), :]
    return (pairs * torch.tensor([-1.0, 1.0])).reshape(vectors.shape)


def _distances(vectors: Tensor) -> Tensor:
    """Log distances (B, T, 4 * LAGS) of whole, arms, legs and trunk from what they were."""
    behind, before, length = -min(LAGS), max(LAGS), vectors.shape[1]
    first = vectors[:, :1].expand(-1, behind, -1)
    last = vectors[:, -1:].expand(-1, before, -1)
    course = torch.cat([first, vectors, last], 1)
    columns = []
    for lag in LAGS:
        squares = (course[:, behind + lag : behind + lag + length] - vectors) ** 2
        arms, legs, trunk = (squares[..., part].sum(-1) for part in PARTS)
        columns += [arms + legs + trunk, arms, legs, trunk]
    return torch.log(torch.sqrt(torch.stack(columns, -1)) + FLOOR) + 0.5
