"""List inputs and name their content: files, folders, globs and fsspec URLs."""

import contextlib
import glob
import hashlib
import json
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

from repscore.transforms.discover.folders import (
    Wanted,
    is_taken,
    outside_datasets,
    special_file,
    walk,
)
from repscore.transforms.files import local_path, modified_s, open_binary, uri_of
from repscore.transforms.keypoints.contents import Recognised
from repscore.transforms.keypoints.names import (
    IN_FOLDERS,
    chunk_of,
    frame_files,
    frames_among,
    is_picture,
    is_recording,
    kind_of,
    recording_of,
)
from repscore.transforms.storage import StoreUnusable, file_system, objects_in, unusable

CONTAINER_SUFFIXES: Final = frozenset(
    (".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4")
    + (".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv")
)
RAW_SUFFIXES: Final = frozenset((".264", ".265", ".h264", ".h265", ".hevc", ".mjpeg", ".mjpg"))
VIDEO_SUFFIXES: Final = CONTAINER_SUFFIXES | RAW_SUFFIXES
"""What counts as a video inside a folder; a file that is named outright is always taken."""

_CHUNK_BYTES = 1 << 20


class InputNotFound(ValueError):
    """An input that was named does not exist."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a recording of many files, as its listing describes it.

    Attributes:
        uri: absolute path or URL; of a recording its name (`names.recording_of`).
        stamp: equal stamp, same file: size and modification time, or generation, or etag; of a
            recording, the number of its files and a hash of their names and stamps.
        fingerprint: of the content, where the listing holds one (object stores), else None.
        arrived_at: when it came to its name by the clock of the source, UTC; of a recording, when
            its latest file came. None where the source does not say.
    """

    uri: str
    size_bytes: int
    stamp: str
    fingerprint: str | None = None
    arrived_at: datetime | None = None


def list_inputs(
    inputs: Sequence[str], passed_over: Counter[str] | None = None, *, pictures: bool = False
) -> Iterator[Source]:
    """The inputs behind files, folders (recursive), globs and URLs, each once, sorted per input.

    A frame of OpenPose stands for the whole recording that it belongs to; so does a numbered
    picture with `pictures`, else only a sequence that is named is one. `passed_over` counts
    what folders hold besides, by suffix or kind (`folders.in_words`). Raises InputNotFound for an
    input that names nothing or cannot be listed; an empty folder or glob yields nothing.
    """
    listed: set[str] = set()
    recognised = Recognised().input_of
    for input_ in inputs:
        passed = Counter[str]() if passed_over is None else passed_over
        for source in _listed(input_, passed, pictures=pictures):
            known = is_recording(input_) or (pictures and is_picture(source.uri))
            uri = recording_of(source.uri) if known else recognised(source.uri)
            if uri is None and kind_of(input_) in ("json", "csv"):  # it was named outright
                uri = source.uri
            if uri is None:
                passed[Path(source.uri.lower()).suffix] += 1
            elif uri not in listed:
                listed.add(uri)
                yield _recording(uri, _frames(uri)) if is_recording(uri) else source


def list_files(inputs: Sequence[str], passed_over: Counter[str] | None = None) -> Iterator[Source]:
    """The files behind inputs, each once; the chunks and end marks of streams are among them.

    Files of a recording stay apart. Counts and raises like `list_inputs`.
    """
    listed: set[str] = set()
    for input_ in inputs:
        passed = Counter[str]() if passed_over is None else passed_over
        for source in _listed(input_, passed, apart=True):
            if source.uri not in listed:
                listed.add(source.uri)
                yield source


def _listed(
    input_: str, passed_over: Counter[str], *, apart: bool = False, pictures: bool = False
) -> Iterator[Source]:
    """The files behind an input, those of a recording by its first one alone unless `apart`."""
    wanted = _is_input_or_chunk if apart else _may_be_picture if pictures else _may_be_input
    if is_recording(input_):
        frames = _frames(input_)
        if not frames:
            raise InputNotFound(f"input {input_!r}: no such files")
        return iter([frame for _, frame in (frames if apart else frames[:1])])
    in_folder = _list_url if "://" in input_ else _list_local
    return in_folder(input_, wanted, passed_over)


def is_there(input_: str) -> bool:
    """Whether a file, recording, folder, glob or URL can be listed; a glob may match nothing."""
    if is_recording(input_):
        return bool(_frames(input_))
    if "://" not in input_:
        path = _path_of(input_)
        return path.exists() or glob.has_magic(str(path))
    with _reaching(input_) as (files, path_there):
        return bool(glob.has_magic(path_there) or files.exists(path_there))


def require(inputs: Sequence[str]) -> None:
    """Raise InputNotFound for the first input that names nothing, or no file or folder."""
    for input_ in inputs:
        if not input_ or not is_there(input_):
            raise InputNotFound(f"input {input_!r}: no such file, folder or object")
        special = None if "://" in input_ else special_file(_path_of(input_))
        if special is not None:
            raise InputNotFound(
                f"input {input_!r}: expected a file or a folder, found a {special}: "
                "save what it gives to a file"
            )


def _path_of(input_: str) -> Path:
    return (local_path(input_) or Path(input_)).expanduser()


def _list_local(input_: str, wanted: Wanted, passed_over: Counter[str]) -> Iterator[Source]:
    path = _path_of(input_)
    try:
        if path.is_dir():
            for place, status in walk(path.absolute(), wanted, passed_over):
                yield _from_status(place, status)
            return
        if path.is_file():
            files: Iterable[Path] = (path,)
        elif glob.has_magic(str(path)):
            files = _matches(path, passed_over)
        else:
            raise InputNotFound(f"input {input_!r}: no such file or folder")
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                yield _from_file(file)
    except OSError as error:
        place = uri_of(error.filename or path)
        raise InputNotFound(f"input {input_!r}: {place}: {error.strerror}") from error


def _matches(pattern: Path, passed_over: Counter[str]) -> Iterator[Path]:
    for match in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(match)
        if path.is_file():
            yield path
        elif (special := special_file(path)) is not None:
            passed_over[special] += 1


def _is_input(name: str) -> bool:
    """Whether a name inside a folder is that of an input."""
    lower = name.lower()
    return (
        lower.endswith(IN_FOLDERS)
        or posixpath.splitext(lower)[1] in VIDEO_SUFFIXES
        or kind_of(name) == "openpose"
    )


def _may_be_input(name: str) -> bool:
    """Whether a name is that of an input, or of a file whose contents will tell."""
    return _is_input(name) or kind_of(name) in ("json", "csv")


def _may_be_picture(name: str) -> bool:
    return _may_be_input(name) or is_picture(name)


def _is_input_or_chunk(name: str) -> bool:
    return _is_input(name) or chunk_of(name) is not None


def _from_file(file: Path) -> Source:
    return _from_status(str(file.absolute()), file.stat())


def _from_status(path: str, status: os.stat_result) -> Source:
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    # Not the modification time, which copying and moving may keep from another machine.
    arrived_at = datetime.fromtimestamp(status.st_ctime, UTC)
    return Source(uri_of(path), status.st_size, stamp, arrived_at=arrived_at)


def _list_url(input_: str, wanted: Wanted, passed_over: Counter[str]) -> Iterator[Source]:
    with _reaching(input_) as (files, path):
        objects, first = outside_datasets(objects_in(files, path), files.isdir), None
        with contextlib.suppress(FileNotFoundError):  # no such bucket
            first = next(objects, None)
        if glob.has_magic(path) and not files.exists(path):
            found = files.glob(path, detail=True)
            infos = (found[name] for name in sorted(found))
        elif first is not None:
            infos = (
                info
                for info in chain([first], objects)
                if is_taken(posixpath.basename(info["name"]), wanted, passed_over)
            )
        elif files.exists(path):
            infos = (info for info in (files.info(path),))
        else:
            raise InputNotFound(f"input {input_!r}: nothing there")
        for info in infos:
            if info["type"] == "file":
                yield _from_info(uri_of(files.unstrip_protocol(info["name"])), info)


@contextlib.contextmanager
def _reaching(input_: str) -> Iterator[tuple[Any, str]]:
    """The client for a URL and the path in it; what it raises in the block is InputNotFound."""
    try:
        yield file_system(input_)
    except (InputNotFound, FileNotFoundError):
        raise
    except StoreUnusable as error:
        raise InputNotFound(f"input {error}") from error
    except Exception as error:  # each client has its own
        raise InputNotFound(str(unusable(f"input {input_!r} cannot be listed", error))) from error


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
    return Source(uri, size, f"{size}-{version}".replace('"', ""), fingerprint, _arrival(info))


def _arrival(info: Mapping[str, Any]) -> datetime | None:
    """When a file system says that an object came to be."""
    since_s = modified_s(info)
    return None if since_s is None else datetime.fromtimestamp(since_s, UTC)


def _frames(recording: str) -> list[tuple[int, Source]]:
    """The files of a recording with their numbers, in order; none where its folder is not."""
    folder, slash, _ = recording.rpartition("/")
    try:
        if "://" not in recording:
            files = frame_files(uri_of(_path_of(recording).absolute()))
            return [(number, _from_file(_path_of(place))) for number, place in files]
        with _reaching(folder + slash) as (system, place):
            infos = {posixpath.basename(i["name"]): i for i in system.ls(place, detail=True)}
    except FileNotFoundError:
        return []
    return [
        (number, _from_info(system.unstrip_protocol(infos[name]["name"]), infos[name]))
        for number, name in frames_among(infos, recording)
    ]


def _recording(recording: str, frames: Sequence[tuple[int, Source]]) -> Source:
    """The files of a recording as one source."""
    size_bytes = sum(frame.size_bytes for _, frame in frames)
    stamps = [(frame.uri.rpartition("/")[2], frame.stamp) for _, frame in frames]
    contents = [(number, frame.fingerprint) for number, frame in frames]
    complete = all(content for _, content in contents)
    return Source(
        recording,
        size_bytes,
        stamp=f"{len(frames)}-{size_bytes}-{_hash(stamps)}",
        fingerprint=f"frames:{_hash(contents)}" if complete else None,
        arrived_at=max((f.arrived_at for _, f in frames if f.arrived_at), default=None),
    )


def fingerprint(source: Source) -> str:
    """The content's fingerprint: from the listing, or BLAKE2b over every byte.

    For a recording: over the number, the size and the bytes of each frame. Raises OSError where
    the content cannot be read.
    """
    if source.fingerprint is not None:
        return source.fingerprint
    digest = hashlib.blake2b(digest_size=16)
    if is_recording(source.uri):
        for number, place in frame_files(source.uri):
            with open_binary(place) as file:
                frame = file.read()
            digest.update(f"{number}:{len(frame)}:".encode() + frame)
        return f"frames:{digest.hexdigest()}"
    with open_binary(source.uri) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return f"blake2b:{digest.hexdigest()}"


def _hash(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
