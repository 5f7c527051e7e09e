"""Processes that a test started, directly or not: known by a word in their environment."""

import time
from contextlib import suppress
from pathlib import Path


def with_environment(word: str) -> list[int]:
    """Ids of the running processes whose environment holds this word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended
                if word.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def wait_for_end(word: str, limit_s: float = 60.0) -> None:
    """Wait until no such process is left; raises TimeoutError."""
    limit_s += time.monotonic()
    while left := with_environment(word):
        if time.monotonic() > limit_s:
            raise TimeoutError(f"processes {left} are left")
        time.sleep(0.1)
