"""Good executions that define exercises, and the file that holds them: safetensors with a card."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from repscore.models.scorer.represent import CHANNELS, PHASE_SAMPLES, Execution, Phases, represent

REVISION: Final = 2
"""Rises with every change of a constant or formula that gives other scores or remarks."""

CONSISTENCY_VERSION: Final = f"consistency-{REVISION}"
"""What scores without references: nothing but the code decides them."""

FORMAT: Final = "repscore-references"
FORMAT_VERSION: Final = 1
"""Rises when the tensors or the meaning of a channel change."""

MODEL_FORMAT: Final = "repscore-scorer"
MODEL_FORMAT_VERSION: Final = 3
"""Of a trained scorer. Rises when the tensors, or what a number of the card means, change."""

_HEADER_BYTES: Final = 1 << 24
"""A header of ours has some kilobytes."""


@dataclass(frozen=True, eq=False)
class References:
    """Good executions, phase-aligned, and the exercises that they define.

    Attributes:
        names: the exercises.
        phases: K good executions.
        exercise: (K,) int64, index into `names`.
        clip: (K,) int64; executions of equal number come from one person before one camera.
    """

    names: tuple[str, ...]
    phases: Phases
    exercise: npt.NDArray[np.int64]
    clip: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.phases)
        tensors = arrays_of(self)
        expected = _shapes(count)
        found = {name: tensor.shape for name, tensor in tensors.items()}
        if found != expected:
            raise ValueError(f"expected references of shapes {expected}, found {found}")
        kinds = "".join(tensors[name].dtype.kind for name in expected)
        if kinds != "fbfii" or not all(
            np.isfinite(tensors[name]).all() for name in ("values", "log_duration")
        ):
            raise ValueError(f"expected references in finite numbers, found kinds {kinds}")
        if not all(isinstance(name, str) for name in self.names):
            raise ValueError(f"expected names of exercises, found {self.names}")
        if not self.names or set(self.exercise.tolist()) != set(range(len(self.names))):
            raise ValueError(f"every exercise of {self.names} needs a good execution")
        for clip in set(self.clip.tolist()):
            if len(set(self.exercise[self.clip == clip].tolist())) > 1:
                raise ValueError(f"clip {clip} shows two exercises; give each a number of its own")

    def version(self) -> str:
        """Hash of all content, 12 hexadecimal digits."""
        digest = hashlib.blake2b(json.dumps([FORMAT_VERSION, self.names]).encode(), digest_size=6)
        for name, tensor in sorted(arrays_of(self).items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(tensor).tobytes())
        return digest.hexdigest()


def scorer_version(references: References) -> str:
    """`reference-<revision>-<hash of the references>`: what decides the scores."""
    return f"reference-{REVISION}-{references.version()}"


def references_of(exercises: Mapping[str, Sequence[Sequence[Execution]]]) -> References:
    """Exercise -> its clips -> the good executions that each clip shows.

    Raises:
        ValueError: an exercise has no execution at all.
    """
    shown = [(name, clip) for name, clips in exercises.items() for clip in clips if clip]
    missing = [name for name in exercises if name not in {known for known, _ in shown}]
    if missing or not shown:
        raise ValueError(
            f"the references show no repetition of {', '.join(missing) or 'any exercise'}; "
            "expected at least one: give a clip that shows the exercise from start to end"
        )
    names = tuple(exercises)
    return References(
        names=names,
        phases=represent([execution for _, clip in shown for execution in clip]),
        exercise=np.array([names.index(name) for name, clip in shown for _ in clip], np.int64),
        clip=np.array([number for number, (_, clip) in enumerate(shown) for _ in clip], np.int64),
    )


def joined(first: References | None, second: References) -> References:
    """The clips of both; an exercise that both name has all of them."""
    if first is None:
        return second
    names = (*first.names, *(name for name in second.names if name not in first.names))
    numbers = np.array([names.index(name) for name in second.names], np.int64)
    return References(
        names=names,
        phases=Phases(
            *(
                np.concatenate([getattr(first.phases, part), getattr(second.phases, part)])
                for part in ("values", "mask", "log_duration")
            )
        ),
        exercise=np.concatenate([first.exercise, numbers[second.exercise]]),
        clip=np.concatenate([first.clip, second.clip + first.clip.max() + 1]),
    )


def write_references(references: References, file: IO[bytes]) -> None:
    """Everything in one write; the same references give the same bytes."""
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": references.version(),
        "exercises": references.names,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays_of(references).items()}
    # One entry: safetensors does not keep the order of several, and bytes should be repeatable.
    file.write(to_bytes(arrays, {"card": json.dumps(card)}))


def read_references(content: bytes, origin: str) -> References:
    """What `write_references` wrote; nothing in the file is executed.

    Raises:
        ValueError: it is damaged, or not ours, or of another format version.
    """
    tensors, card = read_card(content, origin, FORMAT, FORMAT_VERSION)
    try:
        references = References(
            names=tuple(card["exercises"]),
            phases=Phases(tensors["values"], tensors["mask"], tensors["log_duration"]),
            exercise=tensors["exercise"],
            clip=tensors["clip"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{origin} is damaged ({error}); make it again") from error
    if references.version() != card.get("version"):
        raise ValueError(
            f"{origin} is damaged: its card says version {card.get('version')}, its content is "
            f"{references.version()}; make it again"
        )
    return references


def read_card(
    content: bytes, origin: str, wanted: str, version: int
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """The tensors and the card of a file of a format; nothing in the file is executed.

    Raises:
        ValueError: it is damaged, or not ours, or of another format or format version.
    """
    try:
        tensors = from_bytes(content)
    except (SafetensorError, KeyError) as error:  # KeyError: a type of number unknown to numpy
        raise ValueError(
            f"{origin} is not a readable scorer file ({error}); make it again"
        ) from error
    card = card_of(content)
    if card.get("format") != wanted:
        raise ValueError(
            f"{origin} holds {card.get('format') or 'tensors of unknown kind'}, expected {wanted}: "
            "give a file that repscore wrote"
        )
    if card.get("format_version") != version:
        raise ValueError(
            f"{origin} has format version {card.get('format_version')}, this program reads "
            f"{version}: make it again"
        )
    return tensors, card


def card_of(content: bytes) -> dict[str, Any]:
    """The card of a safetensors file; empty where there is none that can be read."""
    size = int.from_bytes(content[:8], "little")
    if size > _HEADER_BYTES:
        return {}
    try:
        header = json.loads(content[8 : 8 + size])
        card = json.loads(header["__metadata__"]["card"])
    except (ValueError, TypeError, KeyError, RecursionError):  # no header, no mapping, no card
        return {}
    return card if isinstance(card, dict) else {}


def _shapes(count: int) -> dict[str, tuple[int, ...]]:
    table = (count, PHASE_SAMPLES, CHANNELS)
    return {"values": table, "mask": table, "log_duration": (count, 3),
            "exercise": (count,), "clip": (count,)}  # fmt: skip


def arrays_of(references: References) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of references by name."""
    return {
        "values": references.phases.values,
        "mask": references.phases.mask,
        "log_duration": references.phases.log_duration,
        "exercise": references.exercise,
        "clip": references.clip,
    }
