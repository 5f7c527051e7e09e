"""Processes and folders that must not outlive this program, however it ends."""

import atexit
import ctypes
import fcntl
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

ENDING: Final = threading.Event()
"""Set when this program is being ended: what its processes report from then on is not the fault of
any input."""

TEMPORARY: Final = tempfile.gettempdir()
_PREFIX: Final = "repscore-"
_LOCK: Final = ".repscore-lock"
_PR_SET_CHILD_SUBREAPER: Final = 36
_GONE_S: Final = 10.0
_TICK_S: Final = 0.02

_Process = tuple[int, str]
"""A process id and when it started, since ids are used again."""

_scratch: dict[str, int] = {}
_shared: dict[str, int] = {}


def own_temporary_directory() -> None:
    """Put all that this program calls temporary into one folder, which goes when it ends."""
    folder = new_scratch()
    tempfile.tempdir = folder
    atexit.register(remove_scratch, folder)


def new_scratch(parent: str = TEMPORARY) -> str:
    """An empty folder in the temporary directory, for as long as this program runs.

    `remove_scratch` removes it. Those of programs that were killed are removed here: each holds a
    lock on a file in its folder, which ends with it.
    """
    _remove_abandoned(Path(parent))
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    lock = Path(folder, _LOCK)
    unlocked = lock.with_suffix(".new")
    handle = os.open(unlocked, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    unlocked.rename(lock)  # it is never seen without its owner
    _scratch[folder] = handle
    return folder


def shared_scratch(name: str, parent: str = TEMPORARY) -> str:
    """A folder in the temporary directory that the programs of a user share.

    It goes when all that use it have ended, killed or not, and another of them starts or ends.
    Raises OSError, also where it is another user's.
    """
    folder = Path(parent, f"{_PREFIX}{name}-{os.getuid()}")
    lock = folder / _LOCK
    while str(folder) not in _shared:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid():
            raise PermissionError(f"{folder}: expected a folder of this user's, found another's")
        with suppress(FileNotFoundError):  # removed meanwhile: again
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            fcntl.flock(handle, fcntl.LOCK_SH)
            if lock.exists() and lock.stat().st_ino == os.fstat(handle).st_ino:
                _shared[str(folder)] = handle
            else:
                os.close(handle)
    return str(folder)


def remove_scratch(folder: str) -> None:
    """Remove a folder of `new_scratch`, and what others beside it left."""
    _remove(Path(folder))
    if (handle := _scratch.pop(folder, None)) is not None:
        os.close(handle)
    _remove_abandoned(Path(folder).parent)


def _remove_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        folder = lock.parent
        if str(folder) in _scratch:
            continue
        with suppress(OSError):  # another user's, or of a program that lives
            handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(handle)


def _remove(folder: Path) -> None:
    """Processes that are ending may still write into it: then the next program removes the rest."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(FileNotFoundError):
        (folder / _LOCK).touch()


def hold_back(*numbers: signal.Signals) -> None:
    """Let no handler run for these signals, not that of a library either; `sigwait` gets them.

    For the main thread, before there are others. Programs that are started are free of it where
    they get a `preexec_fn`.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    os.register_at_fork(after_in_child=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers))


def adopt_orphans() -> None:
    """Make orphans among those that this process started its children."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_everything() -> None:
    """Kill all processes that this one started, directly or not, and remove its folders."""
    ENDING.set()
    adopt_orphans()  # so that none is lost sight of
    limit_s = time.monotonic() + _GONE_S
    while (found := descendants(os.getpid())) and time.monotonic() < limit_s:
        _kill(found)
        _reap()
        time.sleep(_TICK_S)
    _reap()
    for folder in tuple(_scratch):
        remove_scratch(folder)


def kill_processes(processes: Collection[_Process]) -> None:
    """Kill those that still run, and wait until they are gone, for ten seconds at most."""
    limit_s = time.monotonic() + _GONE_S
    while (left := set(processes) & _running().keys()) and time.monotonic() < limit_s:
        _kill(left)
        time.sleep(_TICK_S)


def descendants(ancestor: int) -> set[_Process]:
    """All running processes that a process started, directly or not."""
    running = _running()
    found: set[_Process] = set()
    parents = {ancestor}
    while parents:
        children = {process for process, parent in running.items() if parent in parents} - found
        found |= children
        parents = {number for number, _ in children}
    return found


def _running() -> dict[_Process, int]:
    """Running processes and their parents, zombies aside."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended
                state, parent, *rest = (entry / "stat").read_text().rpartition(")")[2].split()
                if state != "Z":
                    found[int(entry.name), rest[17]] = int(parent)
    return found


def _kill(processes: Collection[_Process]) -> None:
    for number, _ in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
