"""Text for a terminal: what names of files and exercises hold cannot steer it."""

import logging
import re
from typing import Final

import click

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, and with them escape sequences
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the direction of the text around
    "\u2028\u2029\ud800-\udfff]"  # further ends of lines, and what UTF-8 cannot hold
)


def printable(text: str) -> str:
    """Text with `\\uNNNN` for every character that a terminal would obey instead of showing it.

    Ends of lines and tabs stay. JSON stays the same JSON.
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def line(text: str) -> str:
    """Text in one line."""
    return printable(" ".join(text.split()))


def echo(text: str, *, err: bool = False) -> None:
    """Print text and an end of line."""
    click.echo(printable(text), err=err)  # noqa: TID251 - the one place


class LogFormatter(logging.Formatter):
    """A log line, printable."""

    def format(self, record: logging.LogRecord) -> str:
        """As the base class has it, printable."""
        return printable(super().format(record))
