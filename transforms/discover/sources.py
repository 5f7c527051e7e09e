"""List inputs and name their content: files, folders, globs and fsspec URLs."""

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fsspec.core import url_to_fs

from repscore.transforms.files import open_binary

VIDEO_SUFFIXES: Final = frozenset(
    (".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4")
    + (".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv")
)
"""What counts as a video inside a folder; a file that is named outright is always taken."""

_CHUNK_BYTES = 1 << 20


class InputNotFound(ValueError):
    """An input that was named does not exist."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as its listing describes it.

    Attributes:
        uri: absolute path or URL.
        stamp: equal stamp, same file: size and modification time, or generation, or etag.
        fingerprint: of the content, where the listing holds one (object stores), else None.
    """

    uri: str
    size_bytes: int
    stamp: str
    fingerprint: str | None = None


def list_inputs(inputs: Sequence[str]) -> Iterator[Source]:
    """The videos behind files, folders (recursive), globs and URLs, each once, sorted per input.

    Raises InputNotFound for an input that names nothing; an empty folder or glob yields nothing.
    """
    seen: set[str] = set()
    for given in inputs:
        for source in _list_url(given) if "://" in given else _list_local(given):
            if source.uri not in seen:
                seen.add(source.uri)
                yield source


def is_there(given: str) -> bool:
    """Whether a file, folder, glob or URL can be listed; a glob may match nothing."""
    if "://" not in given:
        path = Path(given).expanduser()
        return path.exists() or glob.has_magic(str(path))
    try:
        files, path_there = url_to_fs(given)
    except (ImportError, ValueError) as error:
        raise InputNotFound(f"input {given!r}: {error}") from error
    return bool(glob.has_magic(path_there) or files.exists(path_there))


def require(inputs: Sequence[str]) -> None:
    """Raise InputNotFound for the first input that names nothing."""
    for given in inputs:
        if not is_there(given):
            raise InputNotFound(f"input {given!r}: no such file, folder or object")


def _list_local(given: str) -> Iterator[Source]:
    path = Path(given).expanduser()
    if path.is_dir():
        found: Iterable[Path] = (
            Path(folder, name)
            for folder, folders, names in os.walk(path, onerror=_raise, followlinks=True)
            for name in (folders.sort() or sorted(names))
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        )
    elif path.exists():
        found = (path,)
    elif glob.has_magic(str(path)):
        matches = (Path(match) for match in sorted(glob.glob(str(path), recursive=True)))
        found = (match for match in matches if match.is_file())
    else:
        raise InputNotFound(f"input {given!r}: no such file or folder")
    for file in found:
        status = file.stat()
        yield Source(str(file.absolute()), status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


def _raise(error: OSError) -> None:
    raise error


def _list_url(given: str) -> Iterator[Source]:
    try:
        files, path = url_to_fs(given)
    except (ImportError, ValueError) as error:
        raise InputNotFound(f"input {given!r}: {error}") from error
    if glob.has_magic(path) and not files.exists(path):
        infos = files.glob(path, detail=True).values()
    elif files.isdir(path):
        infos = (
            info
            for info in files.find(path, detail=True).values()
            if Path(info["name"]).suffix.lower() in VIDEO_SUFFIXES
        )
    elif files.exists(path):
        infos = (files.info(path),)
    else:
        raise InputNotFound(f"input {given!r}: nothing there")
    for info in sorted(infos, key=lambda info: str(info["name"])):
        if info["type"] == "file":
            yield _from_info(files.unstrip_protocol(info["name"]), info)


def _from_info(uri: str, info: Mapping[str, Any]) -> Source:
    """A source from what the file system says: object stores hash what they hold."""
    size = int(info.get("size") or 0)
    version = next(
        (info[key] for key in ("generation", "ETag", "etag", "mtime", "created") if info.get(key)),
        "",
    )
    fingerprint = None
    if info.get("md5Hash"):
        fingerprint = f"md5:{info['md5Hash']}"
    elif info.get("ETag") or info.get("etag"):
        fingerprint = f"etag:{info.get('ETag') or info.get('etag')}-{size}".replace('"', "")
    return Source(uri, size, f"{size}-{version}".replace('"', ""), fingerprint)


def fingerprint(source: Source) -> str:
    """The content's fingerprint: from the listing, or BLAKE2b over every byte.

    Raises OSError where the content cannot be read.
    """
    if source.fingerprint is not None:
        return source.fingerprint
    digest = hashlib.blake2b(digest_size=16)
    with open_binary(source.uri) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return f"blake2b:{digest.hexdigest()}"
