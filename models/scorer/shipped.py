"""Scorers that come with the package, each with a card beside it."""

import json
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "shipped"
SHIPPED: Final = ("exercises", "rehabilitation")
"""`exercises` recognises eight exercises in the picture; `rehabilitation` judges nine gestures of a
depth camera. Their cards say what they are not fit for."""


DEFAULT: Final = "exercises"
DEFAULT_FILE: Final = str(FOLDER / f"{DEFAULT}.safetensors")
"""What `score` recognises with; the shipped norms judge its exercises."""
NONE: Final = "none"
"""Instead of a scorer: repetitions are compared with the others of their set."""


def recognised() -> tuple[str, ...]:
    """The exercises that the default scorer names, by its card."""
    card = json.loads((FOLDER / f"{DEFAULT}.json").read_text(encoding="utf-8"))
    return tuple(card["rules"]["exercises"])


def located(given: str | None) -> str | None:
    """The file of a scorer: a shipped one by its name, where no file of that name is there."""
    if given in SHIPPED and not Path(given).exists():
        return str(FOLDER / f"{given}.safetensors")
    return given
