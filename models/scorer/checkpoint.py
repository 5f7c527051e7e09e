"""A training that stops early, and goes on where it was interrupted; checkpoints hold no pickle."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from repscore.models.scorer.network import ScorerNetwork, Trainee

_RANDOM: Final = ("random.torch", "random.draw")

Weights = dict[str, torch.Tensor]


class ForeignCheckpoint(ValueError):
    """A checkpoint is damaged, or of another training."""


@dataclass(frozen=True, eq=False)
class Held:
    """People held out to stop on: the loss of a network on them, and how long it may not fall."""

    loss: Callable[[ScorerNetwork], float]
    patience: int


@dataclass(eq=False)
class Keeper:
    """Keeps the weights of the best epoch, or of the last one; a `Watch` of `network.train`.

    Attributes:
        held: the training ends with its best epoch by their loss; None: it runs to its end, and
            the last epoch counts as the best.
        file: checkpoint after every epoch; taken up where it is there.
        stamp: names data and options; a checkpoint with another one is refused.
        tell: called with the epoch and its loss: on people held out, else on those learned from.
        best: weights of the best epoch so far.
    """

    held: Held | None
    file: Path
    stamp: str
    tell: Callable[[int, float], None]
    best: Weights = field(default_factory=dict)
    best_epoch: int = -1
    best_loss: float = float("inf")

    def begin(self, trainee: Trainee) -> int:
        """Take up the checkpoint, where there is one; the number of finished epochs.

        Raises ForeignCheckpoint.
        """
        if not self.file.exists():
            return 0
        tensors, told = self._read()
        trainee.model.load_state_dict(_part(tensors, "model"))
        self.best = _part(tensors, "best")
        self.best_epoch, self.best_loss = told["best_epoch"], told["best_loss"]
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _part(tensors, "optimiser").items():
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = tensor
        trainee.optimiser.load_state_dict({"state": state, "param_groups": told["groups"]})
        trainee.schedule.load_state_dict(told["schedule"])
        torch.set_rng_state(tensors["random.torch"])
        trainee.draw.set_state(tensors["random.draw"])
        return 10**9 if self._over(told["epoch"]) else int(told["epoch"]) + 1

    def after(self, epoch: int, trainee: Trainee) -> bool:
        """Judge the epoch, keep what is needed to go on after it."""
        found = trainee.loss if self.held is None else self.held.loss(trainee.model.eval())
        if self.held is None or found < self.best_loss:
            self.best_loss, self.best_epoch = found, epoch
            self.best = {name: value.clone() for name, value in trainee.model.state_dict().items()}
        self._write(epoch, trainee)
        self.tell(epoch, found)
        return self._over(epoch)

    def _over(self, epoch: int) -> bool:
        return self.held is not None and epoch - self.best_epoch >= self.held.patience

    def _read(self) -> tuple[Weights, dict[str, Any]]:
        try:
            with safe_open(self.file, "pt") as opened:
                told = json.loads(opened.metadata()["training"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ForeignCheckpoint(
                f"{self.file} is no checkpoint of repscore ({error}); remove it to start afresh"
            ) from error
        if told["stamp"] != self.stamp:
            raise ForeignCheckpoint(
                f"{self.file} is of a training on other data or with other options; give the same "
                "ones, or leave --resume out to start afresh"
            )
        return tensors, told

    def _write(self, epoch: int, trainee: Trainee) -> None:
        optimiser = trainee.optimiser.state_dict()
        tensors = {
            **{f"model.{name}": value for name, value in trainee.model.state_dict().items()},
            **{f"best.{name}": value for name, value in self.best.items()},
            **{
                f"optimiser.{number}.{key}": value
                for number, values in optimiser["state"].items()
                for key, value in values.items()
            },
            **dict(zip(_RANDOM, (torch.get_rng_state(), trainee.draw.get_state()), strict=True)),
        }
        schedule = {
            key: value
            for key, value in trainee.schedule.state_dict().items()
            if isinstance(value, int | float | str | bool | list | type(None))
        }
        told = {
            "stamp": self.stamp, "epoch": epoch, "best_epoch": self.best_epoch,
            "best_loss": self.best_loss, "groups": optimiser["param_groups"], "schedule": schedule,
        }  # fmt: skip
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        save_file(tensors, partial, {"training": json.dumps(told)})
        partial.replace(self.file)


def _part(tensors: Weights, part: str) -> Weights:
    prefix = f"{part}."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
