"""One local Ray for all Beam workers of a machine, and how a worker joins and leaves it.

The first worker starts a keeper, a process that starts Ray and ends it. Each worker holds a shared
lock on a file while it uses Ray. The kernel releases that lock however the worker ends; the keeper
takes it when no worker is left, and ends.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from repscore.models.estimator import Unavailable
from repscore.transforms.cluster import address_of_ray, ray_ended, start_ray, stop_ray
from repscore.transforms.processes import TEMPORARY

_START_S: Final = 300.0
"""Ray itself tries twice, and gives up earlier."""
_TICK_S: Final = 0.2
_USERS, _STARTING, _KEEPER = "users", "starting", "keeper"
_ADDRESS, _LOG = "address", "log"

_lock = threading.Lock()
_uses = 0
_lease: int | None = None
"""How often this process uses Ray, and its lock among the users of the machine's."""


def enter_ray(address: str | None) -> None:
    """Join the cluster at `address`, else the machine's own Ray, which starts where there is none.

    Each call is for one `leave_ray`. Raises Unavailable.
    """
    global _uses, _lease
    with _lock:
        if not _uses:
            if address is None:
                address, _lease = _join(folder_of_machine())
            try:
                start_ray(address)
            except Unavailable:
                _give_back()
                raise
        _uses += 1


def leave_ray() -> None:
    """Leave Ray with the last call; the machine's own ends when all its users have left."""
    global _uses
    with _lock:
        _uses -= 1
        if not _uses:
            stop_ray()
            _give_back()


def folder_of_machine() -> Path:
    """Where this user's workers of this installation meet; raises Unavailable if it is not safe."""
    name = hashlib.blake2b(f"{sys.prefix} {version('repscore')}".encode(), digest_size=4)
    folder = Path(TEMPORARY, f"repscore-ray-{os.getuid()}-{name.hexdigest()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o777 != 0o700 or folder.is_symlink():
        raise Unavailable(
            f"{folder}: expected a folder that only this user can enter, found one of user "
            f"{found.st_uid} with mode {found.st_mode & 0o777:o}: remove it, or set TMPDIR"
        )
    return folder


def _give_back() -> None:
    global _lease
    if _lease is not None:
        os.close(_lease)
        _lease = None


def _join(folder: Path) -> tuple[str, int]:
    """The address of the machine's Ray, and a lock that keeps it; raises Unavailable."""
    users = _held_by_users(folder)
    try:
        with _locked(folder / _STARTING):
            if not _is_kept(folder):
                _start_keeper(folder)
            return (folder / _ADDRESS).read_text(), users
    except BaseException:
        os.close(users)
        raise


def _held_by_users(folder: Path) -> int:
    """A shared lock, for as long as it is open; the folder stays as long as one is held."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            handle = _opened(folder / _USERS)
            fcntl.flock(handle, fcntl.LOCK_SH)  # a keeper that ends holds it for a moment
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), (folder / _USERS).stat()):
                    return handle
            os.close(handle)


def _is_kept(folder: Path) -> bool:
    """Whether a keeper lives; what one that was killed left behind is removed."""
    handle = _opened(folder / _KEEPER)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return (folder / _ADDRESS).exists()
    else:
        (folder / _ADDRESS).unlink(missing_ok=True)
        return False
    finally:
        os.close(handle)


def _start_keeper(folder: Path) -> None:
    """A keeper that has started Ray; raises Unavailable with its last words."""
    limit_s = time.monotonic() + _START_S
    with (folder / _LOG).open("wb") as log:
        keeper = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "repscore.transforms.machine", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # what ends its first user must not end it
        )
    while not (folder / _ADDRESS).exists():
        if keeper.poll() is not None or time.monotonic() > limit_s:
            keeper.kill()
            lines = (folder / _LOG).read_text(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "it says nothing")
            raise Unavailable(f"the Ray of this machine's workers did not start: {last}")
        time.sleep(_TICK_S)
    threading.Thread(target=keeper.wait, daemon=True).start()  # it leaves no zombie


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = _opened(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def keep(folder: Path) -> None:
    """Start Ray and keep it until nobody uses it, or it ends by itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _locked(folder / _KEEPER):  # one that ends is waited for
        try:
            start_ray()
        except Unavailable as error:
            sys.exit(str(error))
        address, unfinished = folder / _ADDRESS, folder / f"{_ADDRESS}.new"
        unfinished.write_text(address_of_ray())
        unfinished.rename(address)
        users = _opened(folder / _USERS)
        while ray_ended() is None:
            time.sleep(_TICK_S)
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                break
        address.unlink(missing_ok=True)
        os.close(users)
        stop_ray()


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
