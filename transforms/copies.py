"""Copies of remote files on this machine, for what has to be read from its beginning each time."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from repscore.transforms.files import local_path
from repscore.transforms.processes import shared_scratch
from repscore.transforms.storage import file_system

MOST_BYTES: Final = 20 << 30
"""Of all copies on a machine."""
_PIECE_BYTES: Final = 16 << 20


@contextmanager
def copied(uri: str) -> Iterator[str]:
    """The place from which to read a file while the block runs: of a remote one a copy.

    The processes of a machine share a copy: the first one fetches it, the others wait. Copies that
    nobody reads go, the oldest first, where another needs their room; what has no room is read from
    the store. When all processes that used the copies have ended, killed or not, the next program
    removes them. Raises an error of the store, and OSError.
    """
    if local_path(uri) is not None:
        yield uri
        return
    files, name = file_system(uri)
    size_bytes = int(files.size(name))
    key = hashlib.sha256(f"{uri} {files.ukey(name)}".encode()).hexdigest()
    copy = Path(shared_scratch("copies"), key)
    handle = os.open(copy, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Who fetches holds it exclusively, so what is locked and has all its bytes is whole.
        fcntl.flock(handle, fcntl.LOCK_EX)
        whole = os.fstat(handle).st_size == size_bytes
        if not whole and _has_room(copy, size_bytes):
            _fetch(files, name, handle)
            whole = True
        os.utime(handle)
        fcntl.flock(handle, fcntl.LOCK_SH)
        # While it was waited for, it may have gone to make room.
        yield str(copy) if whole and copy.exists() else uri
    finally:
        os.close(handle)


def _has_room(copy: Path, size_bytes: int) -> bool:
    """Whether there is room for a copy, after others that nobody reads went."""
    folder = copy.parent
    others = sorted(
        (status.st_mtime, status.st_size, path)
        for path in folder.iterdir()
        if path != copy and not path.name.startswith(".") and (status := path.stat())
    )
    held_bytes = sum(size for _, size, _ in others)
    while held_bytes + size_bytes > MOST_BYTES or size_bytes > shutil.disk_usage(folder).free / 2:
        if not others:
            return False
        _, size, path = others.pop(0)
        if _removed(path):
            held_bytes -= size
    return True


def _removed(path: Path) -> bool:
    """Remove a copy unless somebody reads it."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
        finally:
            os.close(handle)
    return False


def _fetch(files: Any, name: str, handle: int) -> None:
    os.ftruncate(handle, 0)
    with files.open(name, "rb") as source, os.fdopen(os.dup(handle), "wb") as target:
        shutil.copyfileobj(source, target, _PIECE_BYTES)
