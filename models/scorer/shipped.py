"""Scorers that come with the package, each with a card beside it."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "shipped"
SHIPPED: Final = ("exercises", "rehabilitation")
"""`exercises` recognises eight exercises in the picture; `rehabilitation` judges nine gestures of a
depth camera. Their cards say what they are not fit for."""


def located(given: str | None) -> str | None:
    """The file of a scorer: a shipped one by its name, where no file of that name is there."""
    if given in SHIPPED and not Path(given).exists():
        return str(FOLDER / f"{given}.safetensors")
    return given
