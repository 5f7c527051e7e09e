"""The network's forward pass in numpy, as a stream: a hop of instants in, a hop of phases out.

Inputs are the distances of the body from where it was and will be (self-similarity, for the whole
body, arms, legs and trunk), and the body's shape itself. The output is a class for every instant:
idle, or which eighth of a repetition. Dilated convolutions look LOOKAHEAD instants ahead, so the
output of an instant comes so much later. Several networks, the members, are computed side by side;
the output is the mean of their probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from repscore.models.skeleton import JOINT

Array32 = npt.NDArray[np.float32]

RATE_HZ: Final = 15.0
HOP: Final = 30
"""Instants in a step, always: equal shapes give equal bits."""

PHASE_CLASSES: Final = 8
"""Equal parts of a repetition's duration; class 0 is idle, class k the k-th part."""

VECTORS: Final = (
    ("neck", "right_elbow"), ("neck", "right_wrist"),
    ("neck", "left_elbow"), ("neck", "left_wrist"),
    ("mid_hip", "right_knee"), ("mid_hip", "right_ankle"), ("mid_hip", "left_knee"),
    ("mid_hip", "left_ankle"), ("mid_hip", "neck"), ("neck", "nose"),
)  # fmt: skip
"""What describes a body: vectors between joints, x and y in torsos, in this order."""
FEATURES: Final = 2 * len(VECTORS)
MIRROR: Final = (2, 3, 0, 1, 6, 7, 4, 5, 8, 9)
"""Vector i of the mirrored body is vector MIRROR[i], with x negated."""

PARTS: Final = (slice(0, 8), slice(8, 16), slice(16, 20))
"""Features of arms, legs, and trunk with head; distances are taken over each and over all."""
_AHEAD: Final = (2, 4, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36, 40)
LAGS: Final = tuple(-lag for lag in (*_AHEAD, 46, 52, 60, 68, 76, 90, 105, 120, 140)) + _AHEAD
"""Instants at which the body is compared with itself, relative to the present one."""
TAPS: Final = ((-1, 0, 1), (-2, 0, 2), (-4, 0, 4), (-8, 0, 6), (-16, 0, 7), (-32, -16, 0))
"""Instants that each convolution sees."""

_BEHIND: Final = -min(LAGS)
_BEFORE: Final = max(LAGS)
LOOKAHEAD: Final = _BEFORE + sum(taps[-1] for taps in TAPS)
_COMPARED: Final = _BEHIND + np.arange(HOP)[:, None] + np.array(LAGS)
_SUMS: Final = np.ones((FEATURES, 1 + len(PARTS)), np.float32)  # whole, then each part
for _part, _columns in enumerate(PARTS, 1):
    _SUMS[:, _part] = 0
    _SUMS[_columns, _part] = 1
FLOOR: Final = 0.03
"""Torsos below which distances hardly differ: about the jitter of keypoints."""
INPUTS: Final = 4 * len(LAGS) + FEATURES + 1
_SHAPE: Final = slice(4 * len(LAGS), -1)  # of the inputs

_FROM: Final = [JOINT[start] for start, _ in VECTORS]
_TO: Final = [JOINT[end] for _, end in VECTORS]


@dataclass(frozen=True, eq=False)
class Memory:
    """What the network remembers of a stream; its size is fixed.

    Attributes:
        age: instants taken so far.
        vectors: (140 + 40, FEATURES), the latest instants.
        present: (40,), whether the person was seen at the latest instants.
        layers: per convolution its latest inputs (members, n, width).
    """

    age: int
    vectors: Array32
    present: Array32
    layers: tuple[Array32, ...]


@dataclass(frozen=True, eq=False)
class PhaseNetwork:
    """Weights, as matrices (members, inputs, outputs) and biases (members, 1, outputs)."""

    weights: Mapping[str, Array32]

    @classmethod
    def of(cls, members: Sequence[Mapping[str, Array32]]) -> "PhaseNetwork":
        """From each member's matrices (inputs, outputs) and biases (outputs,)."""
        return cls(
            {
                name: np.stack([np.atleast_2d(member[name]) for member in members]).astype(
                    np.float32
                )
                for name in members[0]
            }
        )

    @property
    def members(self) -> int:
        """Networks that are computed side by side."""
        return int(self.weights["inp.weight"].shape[0])

    @property
    def width(self) -> int:
        """Channels of each member."""
        return int(self.weights["inp.weight"].shape[-1])

    def start(self, first: Array32) -> Memory:
        """Before the first instant, whose vectors (FEATURES,) are `first`."""
        return Memory(
            age=0,
            vectors=np.repeat(first[None], _BEHIND + _BEFORE, axis=0),
            present=np.zeros(_BEFORE, np.float32),
            layers=tuple(
                np.zeros((self.members, taps[-1] - taps[0], self.width), np.float32)
                for taps in TAPS
            ),
        )

    def step(
        self, memory: Memory, vectors: Array32, present: Array32
    ) -> tuple[Memory, npt.NDArray[np.float64]]:
        """Take a hop: vectors (HOP, FEATURES), present (HOP,) 0 or 1.

        Returns:
            log probabilities (HOP, 1 + PHASE_CLASSES) of the instants that lie LOOKAHEAD earlier;
            those of instants before the first one mean nothing.
        """
        course = np.concatenate([memory.vectors, vectors])
        presence = np.concatenate([memory.present, present])
        hidden = self._body(_inputs(course, presence[:HOP]))
        late = _BEFORE
        layers = []
        for number, (taps, before) in enumerate(zip(TAPS, memory.layers, strict=True)):
            hidden[:, : max(0, late - memory.age)] = 0  # nothing was before the first instant
            line = np.concatenate([before, hidden], axis=1)
            rows = [line[:, tap - taps[0] : tap - taps[0] + HOP] for tap in taps]
            mixed = self._layer(f"mix.{number}", np.concatenate(rows, axis=2))
            np.maximum(mixed, 0, out=mixed)
            hidden = line[:, -taps[0] : HOP - taps[0]] + self._layer(f"out.{number}", mixed)
            late += taps[-1]
            layers.append(line[:, HOP:])
        logits = self._layer("head", np.maximum(hidden, 0)).astype(np.float64)
        mean = np.logaddexp.reduce(_log_softmax(logits), axis=0) - np.log(self.members)
        return Memory(memory.age + HOP, course[HOP:], presence[HOP:], tuple(layers)), mean

    def _body(self, inputs: Array32) -> Array32:
        """The first layer's outputs (members, HOP, width), equal for a body and its mirror."""
        direct = self._layer("inp", inputs)
        mirror = direct + inputs[:, _SHAPE] @ self._to_mirror
        np.maximum(direct, 0, out=direct)
        np.maximum(mirror, 0, out=mirror)
        direct += mirror
        direct *= np.float32(0.5)
        return direct

    @cached_property
    def _to_mirror(self) -> Array32:
        """What the mirrored shape adds: (members, FEATURES, width)."""
        shape = self.weights["inp.weight"][:, _SHAPE].reshape(-1, len(MIRROR), 2, self.width)
        signs = np.array([-1, 1], np.float32)[:, None]
        change: Array32 = shape[:, list(MIRROR)] * signs - shape
        return change.reshape(-1, FEATURES, self.width)

    def _layer(self, name: str, values: Array32) -> Array32:
        result: Array32 = values @ self.weights[f"{name}.weight"]
        result += self.weights[f"{name}.bias"]
        return result


def _log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normed: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normed


def _inputs(course: Array32, present: Array32) -> Array32:
    """Log distances at all LAGS of whole, arms, legs, trunk; vectors; presence: (HOP, INPUTS)."""
    now = course[_BEHIND : _BEHIND + HOP]
    moved = course[_COMPARED]
    moved -= now[:, None]
    moved *= moved
    squares = moved.reshape(-1, FEATURES) @ _SUMS
    distances = np.sqrt(squares, out=squares)
    distances += np.float32(FLOOR)
    np.log(distances, out=distances)
    distances += np.float32(0.5)
    return np.concatenate([distances.reshape(HOP, -1), now, present[:, None]], axis=1)


def vectors_of(
    image_px: npt.NDArray[np.float64], torso_px: npt.NDArray[np.float64] | float
) -> Array32:
    """Body-relative vectors (N, FEATURES) in torsos from image joints (N, 15, 2+)."""
    flat = image_px[..., :2]
    vectors = (flat[:, _TO] - flat[:, _FROM]) / torso_px
    return vectors.reshape(len(flat), FEATURES).astype(np.float32)


@cache
def shipped() -> PhaseNetwork:
    """The network that comes with the package: trained on all of RepCount-pose's videos."""
    with as_file(files("repscore.models.phases") / "phases.safetensors") as path:
        return read(path)


def read(path: Path) -> PhaseNetwork:
    """A network from its file of weights."""
    tensors = load_file(path)
    return PhaseNetwork({name: tensor.astype(np.float32) for name, tensor in tensors.items()})
