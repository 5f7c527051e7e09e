"""A trained scorer and the file that holds it: safetensors with a JSON card, nothing executable."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save as to_bytes

from repscore.models.scorer.calibration import Calibration
from repscore.models.scorer.files import (
    MODEL_FORMAT,
    MODEL_FORMAT_VERSION,
    References,
    arrays_of,
    card_of,
    joined,
    read_card,
    read_references,
    scorer_version,
    write_references,
)
from repscore.models.scorer.network import NetworkConfig, ScorerNetwork
from repscore.models.scorer.norms.files import norms_of, version_with
from repscore.models.scorer.norms.norm import Norms
from repscore.models.scorer.represent import Phases
from repscore.models.skeleton import JOINTS

REVISION: Final = 1
"""Rises with every change of the code that gives other scores for the same file."""

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Rules:
    """What a network's numbers mean; all of it decided at training.

    Attributes:
        exercises: names of the classes; mirrored: class e of the mirrored person is mirrored[e].
        judged: exercises whose training data have labels of correctness, of both kinds.
        sensor: `picture`: learned on joints in the picture; `body`: on joints in space.
        views: exercise -> where the cameras stood; none where it does not matter.
        correct: from the correctness logit to a score; None where nothing is judged.
        likeness: from the negative distance from the learned executions to a score.
        unknown_distance: beyond it a repetition is no exercise that was learned.
        config: how the network was built and trained.
    """

    exercises: tuple[str, ...]
    mirrored: tuple[int, ...]
    judged: tuple[str, ...]
    sensor: str
    views: Mapping[str, tuple[str, ...]]
    correct: Calibration | None
    likeness: Calibration
    unknown_distance: float
    config: NetworkConfig

    def __post_init__(self) -> None:
        known, count = set(self.exercises), len(self.exercises)
        if not known or len(known) < count or not all(isinstance(name, str) for name in known):
            raise ValueError(f"expected names of exercises, found {self.exercises}")
        if sorted(self.mirrored) != list(range(count)):
            raise ValueError(f"expected a mirror image for each exercise, found {self.mirrored}")
        if not set(self.judged) <= known:
            raise ValueError(f"expected judged exercises among {known}, found {self.judged}")
        if self.sensor not in ("picture", "body"):
            raise ValueError(f"expected the sensor picture or body, found {self.sensor!r}")
        if not self.unknown_distance >= 0:
            raise ValueError(f"expected a distance, found {self.unknown_distance}")

    @classmethod
    def from_json(cls, card: Mapping[str, Any]) -> "Rules":
        """What `asdict` and JSON made of it; raises KeyError or TypeError for anything else."""
        lists = ("exercises", "mirrored", "judged")
        return cls(
            **{name: tuple(card[name]) for name in lists},
            views={name: tuple(map(str, views)) for name, views in card["views"].items()},
            sensor=card["sensor"],
            correct=None if card["correct"] is None else Calibration(**card["correct"]),
            likeness=Calibration(**card["likeness"]),
            unknown_distance=float(card["unknown_distance"]),
            config=NetworkConfig(**card["config"]),
        )


@dataclass(frozen=True, eq=False)
class ScorerModel:
    """A network, executions that it learned from, and what its numbers mean.

    Attributes:
        weights: the network's state.
        embeddings: (K, D) float32 unit vectors, of learned executions; of the judged exercises
            only correct ones.
        embedding_exercise: (K,) int64.
        exemplars: correct executions of the judged exercises, what remarks compare with; None
            where nothing is judged.
        references: exercises that were added by reference clips; None where none was.
        norms: what its exercises are judged by, named by their sets then; None: by the network.
        about: what people read: data, protocol, figures, licence, what it must not be used for.
    """

    rules: Rules
    weights: Arrays
    embeddings: npt.NDArray[np.float32]
    embedding_exercise: npt.NDArray[np.int64]
    exemplars: References | None = None
    references: References | None = None
    norms: Norms | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All exercises that it knows."""
        return tuple(
            dict.fromkeys(self.rules.exercises + (self.references.names if self.references else ()))
        )

    def version(self) -> str:
        """Hash of everything that decides a score, 12 hexadecimal digits."""
        settled = [MODEL_FORMAT_VERSION, REVISION, asdict(self.rules)]
        digest = hashlib.blake2b(json.dumps(settled, sort_keys=True).encode(), digest_size=6)
        for name, array in sorted(self._arrays().items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        for part in (self.exemplars, self.references):
            digest.update(json.dumps(part.names if part else None).encode())
        return version_with(digest.hexdigest(), self.norms)

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        parts: dict[str, Arrays] = {
            "network": self.weights,
            "embeddings": {"values": self.embeddings, "exercise": self.embedding_exercise},
        }
        for name, part in (("exemplars", self.exemplars), ("references", self.references)):
            if part is not None:
                parts[name] = _compact(part)
        return {
            f"{part_name}.{name}": np.ascontiguousarray(array)
            for part_name, arrays in parts.items()
            for name, array in arrays.items()
        }

    def card(self) -> dict[str, Any]:
        """What the file says of itself."""
        return {
            "format": MODEL_FORMAT,
            "format_version": MODEL_FORMAT_VERSION,
            "version": self.version(),
            "skeleton": list(JOINTS),
            "rules": asdict(self.rules),
            "exemplars": self.exemplars.names if self.exemplars else None,
            "references": self.references.names if self.references else None,
            "about": dict(self.about),
        } | ({} if self.norms is None else {"norms": self.norms.to_json()})

    def write(self, file: IO[bytes]) -> None:
        """Everything in one write; the same scorer gives the same bytes."""
        file.write(to_bytes(self._arrays(), {"card": json.dumps(self.card(), sort_keys=True)}))


def read_model(content: bytes, origin: str) -> ScorerModel:
    """What `ScorerModel.write` wrote.

    Raises:
        ValueError: it is damaged, or not ours, or of another format version or skeleton.
    """
    arrays, card = read_card(content, origin, MODEL_FORMAT, MODEL_FORMAT_VERSION)
    if card.get("skeleton") != list(JOINTS):
        raise ValueError(f"{origin} is of the skeleton {card.get('skeleton')}, expected {JOINTS}")
    try:
        model = ScorerModel(
            rules=Rules.from_json(card["rules"]),
            weights=_part(arrays, "network"),
            embeddings=arrays["embeddings.values"].astype(np.float32),
            embedding_exercise=arrays["embeddings.exercise"].astype(np.int64),
            exemplars=_references(arrays, "exemplars", card["exemplars"]),
            references=_references(arrays, "references", card["references"]),
            norms=norms_of(card),
            about=dict(card["about"]),
        )
        _require_shapes(model)
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{origin} is damaged ({error!r}); train it again") from error
    if model.version() != card.get("version"):
        raise ValueError(
            f"{origin} is damaged or made by another revision: its card says version "
            f"{card.get('version')}, its content is {model.version()}; train it again"
        )
    return model


def _require_shapes(model: ScorerModel) -> None:
    """Raise ValueError where the arrays are not those of the network that the rules describe.

    RuntimeError and TypeError come from torch, for a network that cannot be built.
    """
    rules = model.rules
    if min(rules.config.width, rules.config.embedding) < 1:
        raise ValueError(f"expected a network with a width, found {rules.config}")
    with torch.device("meta"):  # its numbers take no memory
        network = ScorerNetwork(len(rules.exercises), 1, rules.config)
    expected = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    found = {name: array.shape for name, array in model.weights.items()}
    if found != expected:
        name = next(n for n in (*expected, *found) if expected.get(n) != found.get(n))
        raise ValueError(
            f"expected {name} of the network of shape {expected.get(name)}, found {found.get(name)}"
        )
    count = len(model.embeddings)
    shapes = model.embeddings.shape, model.embedding_exercise.shape
    if shapes != ((count, rules.config.embedding), (count,)):
        raise ValueError(
            f"expected embeddings of {rules.config.embedding} numbers, each of one exercise, found "
            f"shapes {shapes}"
        )
    if not set(model.embedding_exercise.tolist()) <= set(range(len(rules.exercises))):
        raise ValueError(f"expected embeddings of {len(rules.exercises)} exercises, found others")
    for name, array in (*model.weights.items(), ("embeddings", model.embeddings)):
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers in {name}, found others")
    if model.exemplars is not None and not set(rules.judged) <= set(model.exemplars.names):
        raise ValueError(f"expected exemplars of {rules.judged}, found {model.exemplars.names}")


SavedScorer = ScorerModel | References


def read_scorer(content: bytes, origin: str) -> SavedScorer:
    """The scorer in a file of either kind; raises ValueError as `read_model` does."""
    if card_of(content).get("format") == MODEL_FORMAT:
        return read_model(content, origin)
    return read_references(content, origin)


def scorer_bytes(scorer: SavedScorer) -> bytes:
    """The file that holds a scorer."""
    file = BytesIO()
    if isinstance(scorer, ScorerModel):
        scorer.write(file)
    else:
        write_references(scorer, file)
    return file.getvalue()


def version_of(scorer: SavedScorer) -> str:
    """What decides the scores: `norm-<hash>`, `learned-<hash>` or `reference-<revision>-<hash>`."""
    if isinstance(scorer, ScorerModel):
        return f"{'learned' if scorer.norms is None else 'norm'}-{scorer.version()}"
    return scorer_version(scorer)


def with_references(scorer: SavedScorer | None, added: References) -> SavedScorer:
    """A scorer with further exercises, or with further clips of an exercise."""
    if isinstance(scorer, ScorerModel):
        return replace(scorer, references=joined(scorer.references, added))
    return joined(scorer, added)


def _part(arrays: Arrays, part: str) -> dict[str, npt.NDArray[np.generic]]:
    prefix = f"{part}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _compact(references: References) -> Arrays:
    """Half the bytes: values keep three digits, well below what a joint is known to."""
    arrays = arrays_of(references)
    return {**arrays, "values": arrays["values"].astype(np.float16)}


def _references(arrays: Arrays, part: str, names: Sequence[str] | None) -> References | None:
    if names is None:
        return None
    found = _part(arrays, part)
    return References(
        names=tuple(names),
        phases=Phases(
            found["values"].astype(np.float32),
            found["mask"].astype(np.bool_),
            found["log_duration"].astype(np.float32),
        ),
        exercise=found["exercise"].astype(np.int64),
        clip=found["clip"].astype(np.int64),
    )
