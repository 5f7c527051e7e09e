"""A compact network that names an exercise and judges its execution, and how it is trained.

Temporal convolutions over the joints of a repetition of fixed length, pooled over what is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from repscore.models.scorer.sequences import Sequences
from repscore.models.skeleton import BONE_LENGTHS, JOINT, JOINTS, MIRROR

TREE: Final = tuple(BONE_LENGTHS)
"""Bones (parent, child) of a tree that grows from the mid-hip, parents first."""
NONE: Final = -1
"""In place of a class: none of them."""


@dataclass(frozen=True)
class NetworkConfig:
    """How a network is built and trained; chosen beforehand, never on reported subjects."""

    width: int = 64
    embedding: int = 64
    epochs: int = 100
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    dropout: float = 0.3
    reduced: float = 0.0
    """Share of repetitions that are shown with a smaller movement: it helps to recognise exercises,
    but the network then judges the range of motion less well."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Truth of R repetitions: class (R,) int64, and 1 correct, 0 incorrect, NaN unlabelled (R,).

    What is none of the classes has NONE; a network learns to call it all of them alike.

    Attributes:
        person: (R,) who performs; with it, what one person repeats counts by its square root.
    """

    exercise: npt.NDArray[np.int64]
    correct: npt.NDArray[np.float32]
    person: npt.NDArray[np.str_] | None = None

    def weights(self) -> npt.NDArray[np.float32]:
        """(R,) say of each repetition about correctness: both kinds have half of it."""
        weights = np.zeros(len(self.correct), np.float32)
        judged = int((~np.isnan(self.correct)).sum())
        for kind in (0.0, 1.0):
            rows = np.flatnonzero(self.correct == kind)
            own = np.ones(len(rows))
            if self.person is not None and len(rows):
                _, whose, counts = np.unique(
                    self.person[rows], return_inverse=True, return_counts=True
                )
                own = 1 / np.sqrt(counts[whose])
            weights[rows] = own / max(own.sum(), 1e-9) * judged / 2
        return weights


class ScorerNetwork(nn.Module):
    """Joints (R, T, 15, 4: x, y, z, seen), log durations (R, D) -> class logits, correctness logit.

    The correctness logit depends on the embedding and on the class that was recognised.
    """

    def __init__(self, classes: int, extras: int, config: NetworkConfig) -> None:
        super().__init__()
        w = config.width
        self.stem = nn.Conv1d(len(JOINTS) * 7, w, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(
            nn.Conv1d(w, w, 5, stride=stride, padding=2) for stride in (1, 2, 1)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, w) for _ in range(4))
        self.embed = nn.Linear(2 * w + extras, config.embedding)
        self.drop = nn.Dropout(config.dropout)
        self.exercise = nn.Linear(config.embedding, classes)
        self.correct = nn.Linear(config.embedding + classes, 1)

    def forward(
        self, joints: torch.Tensor, extras: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(R, E) logits of the classes and (R,) logit of being correct."""
        return self.heads(self.embedded(joints, extras))

    def heads(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What `forward` gives, from what `embedded` gave."""
        logits = self.exercise(self.drop(z))
        known = torch.cat([self.drop(z), logits.softmax(dim=1).detach()], dim=1)
        return logits, self.correct(known)[:, 0]

    def embedded(self, joints: torch.Tensor, extras: torch.Tensor) -> torch.Tensor:
        """(R, D) embedding of each repetition; executions that are alike lie near each other."""
        seen = joints[..., 3:]
        places = joints[..., :3]
        speed = functional.pad(places[:, 1:] - places[:, :-1], (0, 0, 0, 0, 1, 0)) * 8.0
        x = torch.cat([places, speed, seen], dim=-1).flatten(2).transpose(1, 2)  # (R, 105, T)
        # Contiguous, the convolution takes a third of the time.
        x = functional.silu(self.norms[0](self.stem(x.contiguous())))
        for block, norm in zip(self.blocks, list(self.norms)[1:], strict=True):
            y = functional.silu(norm(block(self.drop(x))))
            x = x + y if y.shape == x.shape else y
        there = functional.adaptive_max_pool1d(seen.amax(dim=2).transpose(1, 2), x.shape[-1])
        mean = (x * there).sum(dim=-1) / there.sum(dim=-1).clamp(min=1e-6)
        top = (x * there).amax(dim=-1)
        return functional.silu(self.embed(torch.cat([mean, top, extras], dim=1)))


@dataclass(eq=False)
class TrainingState:
    """All that changes while a network is trained, besides torch's own random state.

    Attributes:
        loss: mean over the batches of the last epoch.
    """

    model: ScorerNetwork
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    loss: float = float("nan")


class TrainingHook(Protocol):
    """Called while a network is trained."""

    def restore(self, state: TrainingState) -> int:
        """Restore an interrupted training; the number of its finished epochs."""
        ...

    def after_epoch(self, epoch: int, state: TrainingState) -> bool:
        """Called with the number of a finished epoch, from 0; whether to stop."""
        ...


def train(
    sequences: Sequences,
    targets: Targets,
    mirrored: Sequence[int],
    config: NetworkConfig,
    seed: int,
    hook: TrainingHook | None = None,
) -> ScorerNetwork:
    """A network after a fixed number of epochs; the same seed gives the same weights.

    Args:
        mirrored: class e of the mirrored person is mirrored[e].
        hook: may resume, and stop early.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    joints, extras = _tensors(sequences)
    exercise, correct = torch.from_numpy(targets.exercise), torch.from_numpy(targets.correct)
    swap = torch.tensor([*mirrored, NONE])  # index NONE is the last one
    model = ScorerNetwork(len(mirrored), extras.shape[1], config)
    steps_each = -(-len(joints) // config.batch)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * steps_each
    )
    weights = torch.from_numpy(targets.weights())
    state = TrainingState(model, optimiser, schedule, generator)
    for epoch in range(hook.restore(state) if hook else 0, config.epochs):
        model.train()
        total = 0.0
        for rows in _batches(len(joints), config.batch, generator):
            turned = torch.rand(len(rows), generator=generator) < 0.5
            shown = torch.where(turned[:, None, None, None], mirror(joints[rows]), joints[rows])
            label = torch.where(turned, swap[exercise[rows]], exercise[rows])
            changed = torch.zeros(len(rows), dtype=torch.bool)
            if config.reduced > 0:
                shown, changed = shrink(shown, config.reduced, generator)
            logits, judged = model(augment(shown, generator), extras[rows])
            loss = naming_loss(logits, label)
            known = ~correct[rows].isnan() & ~changed
            if known.any():
                loss = loss + functional.binary_cross_entropy_with_logits(
                    judged[known], 0.05 + 0.9 * correct[rows][known], weights[rows][known]
                )
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            total += loss.item()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        state.loss = total / steps_each
        if hook is not None and hook.after_epoch(epoch, state):
            break
    return model.eval()


def naming_loss(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the classes (R,); NONE wants all of them alike.

    Outlier exposure: Hendrycks, Mazeika and Dietterich, 2019.
    """
    none = label == NONE
    if not none.any():  # else the last digits change, and with them every weight
        return functional.cross_entropy(logits, label, label_smoothing=0.05)
    wanted = functional.one_hot(label.clamp(min=0), logits.shape[1]).to(logits.dtype)
    wanted[none] = 1 / logits.shape[1]
    return functional.cross_entropy(logits, wanted, label_smoothing=0.05)


def _batches(count: int, size: int, generator: torch.Generator) -> list[torch.Tensor]:
    order = torch.randperm(count, generator=generator)
    return [order[start : start + size] for start in range(0, count, size)]


def mirror(joints: torch.Tensor) -> torch.Tensor:
    """Joints (R, T, 15, 4) with left and right exchanged."""
    return joints[:, :, list(MIRROR)] * torch.tensor([-1.0, 1.0, 1.0, 1.0])


def augment(joints: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Other people before other cameras: turned, of other proportions, at another pace, noisy.

    Joints (R, T, 15, 4); what is not seen stays unseen, and one joint in twenty is lost.
    """
    rows, length = joints.shape[:2]
    places = _stretched(joints, generator)
    places, seen = places[..., :3], places[..., 3:]
    scale = 1 + 0.08 * torch.randn(rows, 1, len(TREE), 1, generator=generator)
    places = _grow(_bones(places) * scale.clamp(0.75, 1.25))
    angle = torch.deg2rad(12 * torch.randn(rows, 1, 1, generator=generator))
    x, y, z = places.unbind(dim=-1)
    places = torch.stack(
        [x * angle.cos() + z * angle.sin(), y, z * angle.cos() - x * angle.sin()], dim=-1
    )
    places = places + 0.02 * torch.randn(places.shape, generator=generator)
    kept = torch.rand(rows, 1, len(JOINTS), 1, generator=generator) > 0.05
    seen = seen * kept
    return torch.cat([places * (seen > 0), seen.expand(rows, length, -1, 1)], dim=-1)


def shrink(
    joints: torch.Tensor, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A share of the repetitions with a smaller movement, bone by bone; (R,) which ones.

    A patient's exercise that stops half way is still that exercise. Bones turn a part of the way
    that they turn from the first instant on, and keep their lengths. Whether such a movement is
    correct nobody said: those that move less than 0.85 of the original are marked.
    """
    rows = len(joints)
    bones = _bones(joints[..., :3])
    chosen = torch.rand(rows, 1, 1, 1, generator=generator) < share
    extent = 0.35 + 0.7 * torch.rand(rows, 1, 1, 1, generator=generator)
    each = (extent + 0.2 * torch.randn(rows, 1, len(TREE), 1, generator=generator)).clamp(0.1, 1.15)
    there = joints[:, :1, :, 3]  # from where a bone turns must have been seen
    ends = [[JOINT[name] for name in side] for side in zip(*TREE, strict=True)]
    known = (there[..., ends[0]] * there[..., ends[1]])[..., None] > 0
    each = torch.where(known, each, 1.0)
    turned = bones[:, :1] + each * (bones - bones[:, :1])
    turned = functional.normalize(turned, dim=-1, eps=1e-4) * bones.norm(dim=-1, keepdim=True)
    seen = joints[..., 3:]
    smaller = torch.cat([_grow(turned) * (seen > 0), seen], dim=-1)
    changed = chosen & (extent < 0.85)
    return torch.where(chosen, smaller, joints), changed.flatten()


def _stretched(joints: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A repetition that dwells elsewhere and whose ends are cut a little differently.

    What is not seen after the end, the padding, stays where it is.
    """
    rows, length = joints.shape[:2]
    index = torch.arange(length)
    seen = joints[..., 3].amax(dim=2) > 0
    last = (seen * index).amax(dim=1, keepdim=True).clamp(min=1)
    phase = (index / last).clamp(max=1)
    power = torch.exp(0.15 * torch.randn(rows, 1, generator=generator))
    start, end = 0.06 * torch.rand(2, rows, 1, generator=generator)
    place = (start + (1 - start - end) * phase**power) * last
    place = torch.where(index <= last, place, index)
    low = place.long().clamp(max=length - 2)
    share = (place - low)[..., None, None]
    each = torch.arange(rows)[:, None]
    between: torch.Tensor = joints[each, low] * (1 - share) + joints[each, low + 1] * share
    return between


def _bones(places: torch.Tensor) -> torch.Tensor:
    parents = [JOINT[parent] for parent, _ in TREE]
    children = [JOINT[child] for _, child in TREE]
    return places[:, :, children] - places[:, :, parents]


def _grow(bones: torch.Tensor) -> torch.Tensor:
    """(R, T, 14, 3) along the tree -> joints (R, T, 15, 3), the mid-hip in the origin."""
    paths = torch.zeros(len(JOINTS), len(TREE))
    for bone, (parent, child) in enumerate(TREE):
        paths[JOINT[child]] = paths[JOINT[parent]]
        paths[JOINT[child], bone] = 1.0
    return torch.einsum("jb,rtbc->rtjc", paths, bones)


def _tensors(sequences: Sequences) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(sequences.joints), torch.from_numpy(sequences.extras)
