"""The one place that opens files: local paths and any fsspec URL alike."""

import fcntl
import glob
import io
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from repscore.transforms.storage import file_system, objects_in

_BUFFER_BYTES = 1 << 18
READING: Final[dict[str, Any]] = {"cache_type": "readahead", "block_size": 4 << 20}
"""How objects are read: docs/benchmarks.md, Videos in buckets. Some 8 MiB of an open one are in
memory."""
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}")
_ESCAPE_BYTES = re.compile(rb"\\x([0-9a-f]{2})")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def local_path(uri: str) -> Path | None:
    """The path of a local file (also of a `file://` URL), None for what lies elsewhere."""
    if "://" in uri and not uri.startswith("file://"):
        return None
    name = os.fsencode(uri.removeprefix("file://"))
    return Path(os.fsdecode(_ESCAPE_BYTES.sub(lambda byte: bytes([int(byte[1], 16)]), name)))


def uri_of(path: str | Path) -> str:
    """The name of a local file as text that tables and JSON can hold; `local_path` leads back.

    A byte that is not UTF-8 becomes `\\xNN`, and the backslash of a name that reads like that
    becomes `\\x5c`.
    """
    text = str(path)
    if text.isascii() and "\\" not in text:
        return text
    text = _ESCAPE.sub(lambda found: "\\x5c" + found[0][1:], text)
    return _NOT_UTF8.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text)


def absolute(root: str) -> str:
    """The same place, whatever the working folder of the process that opens it."""
    path = local_path(root)
    return root if path is None else uri_of(path.absolute())


def join(root: str, *parts: str) -> str:
    """A path below a folder or URL."""
    if local_path(root) is not None:
        return str(Path(root, *parts))
    return posixpath.join(root, *parts)


class OutsideDataset(ValueError):
    """What a dataset gives for a name would lead somewhere else."""


def inside(root: str, *names: str) -> str:
    """A path below a dataset whose parts come from its tables or its file names.

    Tables may come from anybody: `..`, separators, other file systems and control characters raise
    OutsideDataset.
    """
    for name in names:
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise OutsideDataset(
                f"{root}: expected a plain name (letters, digits, '_', '.', '+', '-') for "
                f"something in the dataset, found {name!r}; it is not followed: make the dataset "
                "again from its inputs"
            )
    return join(root, *names)


def exists(uri: str) -> bool:
    """Whether there is a file."""
    path = local_path(uri)
    if path is not None:
        return path.is_file()
    files, name = file_system(uri)
    return bool(files.isfile(name))


def size_bytes(uri: str) -> int:
    """Size of a file; raises FileNotFoundError or another OSError."""
    path = local_path(uri)
    if path is not None:
        return path.stat().st_size
    files, name = file_system(uri)
    return int(files.size(name))


def names_in(folder: str) -> list[str]:
    """Names of what lies in a folder, in no order; raises FileNotFoundError or another OSError."""
    path = local_path(folder)
    if path is not None:
        return [uri_of(found.name) for found in path.iterdir()]
    files, name = file_system(folder)
    return [posixpath.basename(found) for found in files.ls(name, detail=False)]


def open_binary(uri: str) -> IO[bytes]:
    """A file open for reading, seekable; remote ones read ranges, not the whole object."""
    path = local_path(uri)
    if path is not None:
        return path.open("rb")
    return io.BufferedReader(_open_remote(uri), _BUFFER_BYTES)


def _open_remote(uri: str) -> io.RawIOBase:
    files, name = file_system(uri)
    return cast(io.RawIOBase, files.open(name, "rb", **READING))


@contextmanager
def replacing(uri: str) -> Iterator[IO[bytes]]:
    """A file to write that appears whole at the end, or not at all if something is raised.

    Locally a temporary file takes the name at the end; those that writers of the same file left
    behind when they were killed are removed. Elsewhere the bytes are gathered and put in one
    operation, which object stores make visible at once.
    """
    path = local_path(uri)
    if path is None:
        gathered = io.BytesIO()
        yield gathered
        files, name = file_system(uri)
        files.pipe_file(name, gathered.getvalue())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}-"
    _remove_abandoned(path.parent, prefix)
    handle, temporary = _locked(path.parent, prefix)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            yield file
            file.flush()
            os.fsync(handle)
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_abandoned(folder: Path, prefix: str) -> None:
    for file in folder.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError), file.open("rb") as abandoned:
            fcntl.flock(abandoned, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where one is held
            file.unlink()


def _locked(folder: Path, prefix: str) -> tuple[int, Path]:
    """A new temporary file, open and locked; the kernel frees the lock when its writer dies."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        with suppress(
            OSError
        ):  # a file system without locks: `maintain` removes what is left there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else another writer removed it before it was locked
            return handle, Path(name)
        os.close(handle)


class FoundFile(NamedTuple):
    """A file below a folder.

    Attributes:
        name: its path below the folder, parts joined by `/`.
        modified_s: Unix time; None where the store does not say.
    """

    name: str
    size_bytes: int
    modified_s: float | None


def files_below(folder: str) -> Iterator[FoundFile]:
    """All files below a folder or URL, hidden ones too; none where it is missing.

    Raises OSError where it cannot be listed.
    """
    path = local_path(folder)
    if path is None:
        files, top = file_system(folder)
        for info in objects_in(files, top):
            below = info["name"].removeprefix(files._strip_protocol(top)).lstrip("/")
            yield FoundFile(below, int(info.get("size") or 0), modified_s(info))
        return
    for inner, _, names in os.walk(path, onerror=_unless_missing):
        for name in names:
            file = Path(inner, name)
            with suppress(FileNotFoundError):  # it was removed meanwhile
                status = file.lstat()
                below = uri_of(file.relative_to(path))
                yield FoundFile(below, status.st_size, status.st_mtime)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def modified_s(info: Mapping[str, Any]) -> float | None:
    """When a file system says that an object came to be, as Unix time."""
    for key in ("timeCreated", "LastModified", "last_modified", "mtime", "created", "updated"):
        value = info.get(key)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None


def remove(folder: str, names: Sequence[str]) -> None:
    """Remove files below a folder or URL; raises FileNotFoundError or another OSError."""
    path = local_path(folder)
    if path is not None:
        for name in names:
            (local_path(join(folder, name)) or path).unlink(missing_ok=True)
    elif names:
        files, top = file_system(folder)
        files.rm([posixpath.join(top, name) for name in names])  # many in one request
