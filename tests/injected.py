"""A program and an estimator into which `faults.py` puts errors, by flag files.

Imported before the command line and by every pose worker. A flag is a file in the folder
FAULTS_FOLDER: how often its fault still comes, then words that say where. Each time that a fault
comes is a line of the file `struck`: the monotonic time and the name.
"""

import errno
import fcntl
import functools
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fakes
import fsspec
import numpy as np
import numpy.typing as npt
from fsspec.implementations.local import LocalFileSystem

from repscore.models.estimator import People
from repscore.transforms.pose import store
from repscore.transforms.tables import delta

_FOLDER = Path(os.environ["FAULTS_FOLDER"])
_PIECE_BYTES = 512
_HANG_S = 600.0


@functools.cache
def is_worker() -> bool:
    """Whether this process is a pose worker."""
    return Path("/proc/self/cmdline").read_bytes().startswith(b"ray::")


def strikes(name: str, place: str = "") -> bool:
    """Whether a fault comes now, at this place; it is counted."""
    try:
        with (_FOLDER / name).open("r+") as flag:
            fcntl.flock(flag, fcntl.LOCK_EX)
            left, *where = flag.read().split()
            if not int(left) or (where and not (where == ["workers"] and is_worker())):
                return False
            flag.seek(0)
            flag.truncate()
            flag.write(" ".join([str(int(left) - 1), *where]))
    except FileNotFoundError:
        return False
    with (_FOLDER / "struck").open("a") as struck:
        struck.write(f"{time.monotonic()} {name} {place}\n")
    return True


class HttpError(Exception):
    """As gcsfs has it: no OSError, the status as text."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{words}, {code}")
        self.code = code


class _Object(io.FileIO):
    """An object of a store: it comes in pieces, and may fail in the middle."""

    def readinto(self, buffer: Any) -> int | None:
        name = Path(str(self.name)).name
        if self.tell() and strikes("reset", name):
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        if self.tell() and strikes("unavailable", name):
            raise HttpError("503", "Service Unavailable")
        if self.tell() and is_worker() and strikes("stall", name):
            time.sleep(_HANG_S)
        return super().readinto(memoryview(buffer)[:_PIECE_BYTES])


class Store(LocalFileSystem):
    """Local files by way of fsspec: `faulty:///path`."""

    protocol = "faulty"

    def _open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        name = Path(path).name
        if name == "1.mp4" and strikes("denied", name):
            raise HttpError("401", "Invalid Credentials")
        if name == "2.mp4" and strikes("vanished", name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return _Object(path, mode)

    def unstrip_protocol(self, name: str) -> str:
        return f"faulty://{name}"


class ArmRaiser(fakes.SlowArmRaiser):
    """A worker that crashes, hangs or has no memory where a flag says so."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        if time_s > 1:
            if strikes("crash"):
                os.abort()
            if strikes("hang"):
                time.sleep(_HANG_S)
            if strikes("memory"):
                raise MemoryError("Unable to allocate 3.00 GiB for an array")
        return super().track(frame_bgr, time_s)


def _full(path: str) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """The disk is full when the file is written, before it gets its name."""
    with _real_replacing(path) as file:
        yield file
        if strikes("full for poses"):
            raise _full(path)


def _write_deltalake(table: Any, *given: Any, **more: Any) -> None:
    """The disk is full before a commit, but not that which opens a run."""
    name = Path(table.table_uri).name
    if name != "runs" and strikes("full for tables", name):
        raise _full(str(table.table_uri))
    _real_write(table, *given, **more)


def _jumped() -> float:
    """The wall clock, which jumps at a moment of the monotonic one."""
    jumps = time.monotonic() >= _JUMP_AT_S
    return _real_time() + (_JUMP_S if jumps else 0.0)


fsspec.register_implementation("faulty", Store, clobber=True)
_real_replacing, store.replacing = store.replacing, _replacing  # type: ignore[assignment]
_real_write, delta.write_deltalake = delta.write_deltalake, _write_deltalake  # type: ignore[assignment]
_clock = _FOLDER / "clock"
if _clock.exists():
    _JUMP_AT_S, _JUMP_S = map(float, _clock.read_text().split())
    _real_time, time.time = time.time, _jumped
