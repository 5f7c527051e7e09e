"""Norms in the file of a scorer: its card holds them. No torch is needed to put them there."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from safetensors.numpy import save as to_bytes

from repscore.models.scorer.files import MODEL_FORMAT, MODEL_FORMAT_VERSION, read_card
from repscore.models.scorer.norms.norm import Norms

REVISION: Final = 1
"""Rises with every change of the code that gives other names, scores or remarks by norms."""


def version_with(version: str, norms: Norms | None) -> str:
    """The version of a scorer of that version with norms, 12 hexadecimal digits."""
    if norms is None:
        return version
    settled = json.dumps([version, REVISION, norms.to_json()], sort_keys=True)
    return hashlib.blake2b(settled.encode(), digest_size=6).hexdigest()


def norms_of(card: Mapping[str, Any]) -> Norms | None:
    """The norms in a card; raises KeyError, TypeError or ValueError for what is none."""
    found = card.get("norms")
    return None if found is None else Norms.from_json(found)


def with_norms(content: bytes, origin: str, norms: Norms) -> tuple[bytes, str]:
    """The file of a trained scorer without norms, with these; and its version.

    Raises ValueError for a file of another format.
    """
    tensors, card = read_card(content, origin, MODEL_FORMAT, MODEL_FORMAT_VERSION)
    version = version_with(card["version"], norms)
    card |= {"norms": norms.to_json(), "version": version}
    return to_bytes(tensors, {"card": json.dumps(card, sort_keys=True)}), f"norm-{version}"
