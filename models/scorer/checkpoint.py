"""A training that goes on where it was interrupted; checkpoints hold no pickle."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from repscore.models.scorer.network import TrainingState

_RANDOM: Final = ("random.torch", "random.generator")

Tensors = dict[str, torch.Tensor]


class DamagedCheckpoint(ValueError):
    """A file of a checkpoint cannot be read."""


@dataclass(frozen=True)
class TrainingCheckpoint:
    """Writes the state of a training after every epoch; a `TrainingHook`.

    Attributes:
        file: its name stands for data and options, so that it fits whoever finds it.
        report: called with the epoch and its mean loss.
    """

    file: Path
    report: Callable[[int, float], None]

    def restore(self, state: TrainingState) -> int:
        """Restore the checkpoint, where there is one; the number of finished epochs.

        Raises DamagedCheckpoint.
        """
        if not self.file.exists():
            return 0
        tensors, progress = self._read()
        state.model.load_state_dict(_part(tensors, "model"))
        optimiser: dict[int, Tensors] = {}
        for name, tensor in _part(tensors, "optimiser").items():
            number, key = name.split(".", 1)
            optimiser.setdefault(int(number), {})[key] = tensor
        state.optimiser.load_state_dict({"state": optimiser, "param_groups": progress["groups"]})
        state.schedule.load_state_dict(progress["schedule"])
        torch.set_rng_state(tensors["random.torch"])
        state.generator.set_state(tensors["random.generator"])
        return int(progress["epoch"]) + 1

    def after_epoch(self, epoch: int, state: TrainingState) -> bool:
        """Keep what is needed to go on after the epoch; the training runs to its end."""
        self._write(epoch, state)
        self.report(epoch, state.loss)
        return False

    def _read(self) -> tuple[Tensors, dict[str, Any]]:
        try:
            with safe_open(self.file, "pt") as opened:
                progress = json.loads(opened.metadata()["training"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DamagedCheckpoint(
                f"{self.file}: expected a checkpoint of repscore, found something else ({error}); "
                "leave --resume out to start afresh"
            ) from error
        return tensors, progress

    def _write(self, epoch: int, state: TrainingState) -> None:
        optimiser = state.optimiser.state_dict()
        tensors = {
            **{f"model.{name}": value for name, value in state.model.state_dict().items()},
            **{
                f"optimiser.{number}.{key}": value
                for number, values in optimiser["state"].items()
                for key, value in values.items()
            },
            **dict(zip(_RANDOM, (torch.get_rng_state(), state.generator.get_state()), strict=True)),
        }
        schedule = {
            key: value
            for key, value in state.schedule.state_dict().items()
            if isinstance(value, int | float | str | bool | list | type(None))
        }
        progress = {"epoch": epoch, "groups": optimiser["param_groups"], "schedule": schedule}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        save_file(tensors, partial, {"training": json.dumps(progress)})
        partial.replace(self.file)


def _part(tensors: Tensors, part: str) -> Tensors:
    prefix = f"{part}."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
