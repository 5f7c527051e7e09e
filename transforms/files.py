"""The one place that opens files: local paths and any fsspec URL alike."""

import io
import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from fsspec.core import url_to_fs

_BUFFER_BYTES = 1 << 18


def local_path(uri: str) -> Path | None:
    """The path of a local file (also of a `file://` URL), None for what lies elsewhere."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    return None if "://" in uri else Path(uri)


def join(root: str, *parts: str) -> str:
    """A path below a folder or URL."""
    if local_path(root) is not None:
        return str(Path(root, *parts))
    return posixpath.join(root, *parts)


def exists(uri: str) -> bool:
    """Whether there is a file."""
    path = local_path(uri)
    if path is not None:
        return path.is_file()
    files, name = url_to_fs(uri)
    return bool(files.isfile(name))


def size_bytes(uri: str) -> int:
    """Size of a file; raises FileNotFoundError or another OSError."""
    path = local_path(uri)
    if path is not None:
        return path.stat().st_size
    files, name = url_to_fs(uri)
    return int(files.size(name))


def names_in(folder: str) -> list[str]:
    """Names of what lies in a folder, in no order; raises FileNotFoundError or another OSError."""
    path = local_path(folder)
    if path is not None:
        return [found.name for found in path.iterdir()]
    files, name = url_to_fs(folder)
    return [posixpath.basename(found) for found in files.ls(name, detail=False)]


def open_binary(uri: str) -> IO[bytes]:
    """A file open for reading, seekable; remote ones read ranges, not the whole object."""
    path = local_path(uri)
    if path is not None:
        return path.open("rb")
    return io.BufferedReader(_open_remote(uri), _BUFFER_BYTES)


def _open_remote(uri: str) -> io.RawIOBase:
    files, name = url_to_fs(uri)
    return cast(io.RawIOBase, files.open(name, "rb"))


@contextmanager
def replacing(uri: str) -> Iterator[IO[bytes]]:
    """A file to write that appears whole at the end, or not at all if something is raised.

    Locally a temporary file takes the name at the end; elsewhere the bytes are gathered and put
    in one operation, which object stores make visible at once.
    """
    path = local_path(uri)
    if path is None:
        gathered = io.BytesIO()
        yield gathered
        files, name = url_to_fs(uri)
        files.pipe_file(name, gathered.getvalue())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            yield file
            file.flush()
            os.fsync(handle)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
