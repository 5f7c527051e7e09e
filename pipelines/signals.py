"""SIGINT and SIGTERM: one line, nothing left behind, status 130 or 143."""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from repscore.pipelines.logs import last_words
from repscore.transforms.processes import ENDING, end_everything, hold_back

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_CONTINUE: Final = {
    "train": "; with --resume the same command continues where it stopped",
    "evaluate": "",
}
_AGAIN: Final = "; the same command continues where it stopped"
_CLEAR_LINE_SHOW_CURSOR: Final = b"\r\x1b[2K\x1b[?25h"

_asked: list[Callable[[], None]] = []


def end_on_signals(command: str) -> None:
    """End this program at once on SIGINT and SIGTERM, whatever it does; for the main thread.

    Commits and files appear whole or not at all, so that it may end anywhere. A thread waits for
    them: Python's handlers wait for the main thread, which may be in the middle of long work, and
    libraries put theirs in place of ours (Ray's C++ prints a stack and aborts).
    """
    hold_back(*_SIGNALS)
    atexit.register(_wait_for_end)
    threading.Thread(target=_listen, args=(command,), name="signals", daemon=True).start()


def continuation_of(command: str) -> str:
    """How to go on with a command that was stopped, to be put behind what stopped it."""
    return _CONTINUE.get(command, _AGAIN)


def line_of(command: str, number: int) -> str:
    """What is said of a signal to a command."""
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    return f"repscore: {how}{continuation_of(command)}"


@contextmanager
def first_signal_asks(stop: Callable[[], None]) -> Iterator[None]:
    """For the time of the block the first signal calls `stop`; the second ends the program."""
    _asked.append(stop)
    try:
        yield
    finally:
        _asked.clear()


def _listen(command: str) -> None:
    while True:
        number = signal.sigwait(_SIGNALS)
        if _asked:
            _asked.pop()()
            continue
        _end(command, number)


def _wait_for_end() -> None:
    """Leave the status to the signal where one came while the main thread was about to end."""
    while ENDING.is_set():
        time.sleep(1)


def _end(command: str, number: int) -> None:
    """Say so, and end; nothing that ends meanwhile is heard."""
    ENDING.set()
    try:
        clear = _CLEAR_LINE_SHOW_CURSOR if sys.stderr.isatty() else b""
        with suppress(OSError):  # nobody may listen any more
            os.write(2, clear + last_words(line_of(command, number)))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        end_everything()
    finally:
        os._exit(128 + number)
