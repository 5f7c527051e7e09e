"""`--log-json`: standard error as JSON lines, for a program that collects logs."""

import io
import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

from repscore.pipelines.terminal import echo, printable

_SECRETS: Final = (
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),  # user and password
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=[?&])((?:[\w-]*(?:signature|credential|token|key|keyid)|sig)=)[^&\s'\"]+"),
)
_SECRET_VARIABLES: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def without_secrets(text: str) -> str:
    """Text with `***` for passwords, tokens and signatures of URLs, and for the keys of S3."""
    for name in _SECRET_VARIABLES:
        if value := os.environ.get(name):
            text = text.replace(value, "***")
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: f"{found[1] if found.re.groups else ''}***", text)
    return text


class JsonLines(io.TextIOBase):
    """A stream that writes each line it gets as a JSON object.

    Attributes:
        run_id: of the run in progress, once it has one.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.run_id: str | None = None
        self._begun = ""
        self._lock = threading.Lock()

    def object_of(self, level: str, logger: str, message: str, time_s: float) -> str:
        """An object in one line."""
        fields = {
            "time": datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "logger": logger,
            "message": without_secrets(message),
            "run_id": self.run_id,
        }
        return printable(json.dumps(fields, ensure_ascii=False))

    def add(self, level: str, message: str) -> None:
        """Write a message of the program itself."""
        self.out.write(self.object_of(level, "repscore", message, time.time()) + "\n")
        self.out.flush()

    def write(self, text: str) -> int:
        """Write the lines that end in this text; the rest waits for its end."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                if line.strip():
                    self.add("INFO", line)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Of the stream below, for what writes to it by itself."""
        return self.out.fileno()


class _Formatter(logging.Formatter):
    def __init__(self, lines: JsonLines) -> None:
        super().__init__("%(message)s")
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return self._lines.object_of(record.levelname, record.name, text, record.created)


def log_json() -> None:
    """From now on standard error is JSON lines, whatever writes to it in this program."""
    lines = JsonLines(sys.stderr)
    sys.stderr = lines
    for handler in logging.root.handlers:
        handler.setFormatter(_Formatter(lines))


def of_run(run_id: str) -> None:
    """Name the run in what follows."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.run_id = run_id


def say_error(text: str) -> None:
    """Print what ends the program: an object where standard error is JSON lines."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.add("ERROR", text)
    else:
        echo(text, err=True)


def last_words(text: str) -> bytes:
    """A line for standard error, to be written without Python's streams."""
    if isinstance(sys.stderr, JsonLines):
        text = sys.stderr.object_of("ERROR", "repscore", text, time.time())
    return f"{text}\n".encode()


def show_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print what Python prints of an error that nobody caught."""
    say_error("".join(traceback.format_exception(kind, error, trace)).rstrip())
