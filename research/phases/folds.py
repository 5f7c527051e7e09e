"""The networks of the cross-validation: each was trained without one fold of RepCount-pose."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import safe_open

from repscore.models.phases.network import PhaseNetwork

FOLDS_FILE: Final = Path(__file__).parent / "folds.safetensors"
"""Tensors `FOLD.NAME` in half precision; its metadata names the fold of every video."""


@cache
def fold_networks(path: Path = FOLDS_FILE) -> Mapping[str, PhaseNetwork]:
    """Per video of RepCount-pose the network that was trained without it."""
    with safe_open(path, "numpy") as file:
        fold_of: Mapping[str, str] = file.metadata() or {}
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118 - no mapping
    networks = {
        fold: PhaseNetwork(
            {
                name.removeprefix(f"{fold}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{fold}.")
            }
        )
        for fold in sorted(set(fold_of.values()))
    }
    return {video: networks[fold] for video, fold in fold_of.items()}
