"""What remarks say, by language: a message has a key and values, its text is in one file."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

ENGLISH: Final = "en"
_FOLDER: Final = Path(__file__).parent
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
PHRASE: Final = "@"
"""A value that begins with it is the key of another text, which gets the same values."""


def languages() -> tuple[str, ...]:
    """The languages with a file here."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


@cache
def texts(language: str) -> Mapping[str, str]:
    """Key -> text of a language; raises ValueError for one without a file."""
    if language not in languages():
        raise ValueError(f"language {language!r}: expected one of {', '.join(languages())}")
    content = (_FOLDER / f"{language}.toml").read_text(encoding="utf-8")
    return {str(key): str(text) for key, text in tomllib.loads(content).items()}


def render(key: str, values: Mapping[str, str], language: str = ENGLISH) -> str:
    """The message in words. A key without a text is a text itself, as norms of users have.

    Raises KeyError for a text that asks for another value.
    """
    known = texts(language)
    said = {name: _said(value, values, language) for name, value in values.items()}
    return known.get(key, key).format_map(said)


def _said(value: str, values: Mapping[str, str], language: str) -> str:
    if value.startswith(PHRASE):
        rest = {name: text for name, text in values.items() if text != value}
        return render(value.removeprefix(PHRASE), rest, language)
    if _NUMBER.fullmatch(value):
        return value.replace(".", texts(language)["decimal_sign"])
    return value
