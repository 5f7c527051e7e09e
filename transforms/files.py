"""The one place that opens files: local paths and any fsspec URL alike."""

import io
import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self, cast

import cv2
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


class VideoFile:
    """A video open for reading through FFmpeg, its file closed with it.

    `options` are OpenCV's pairs of property and value. FFmpeg's and OpenCV's own messages about
    damaged files are switched off: what matters of them is said by our errors.

    Attributes:
        capture: OpenCV's reader; what it cannot read says `isOpened()` no.
    """

    def __init__(self, uri: str, *options: int) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when FFmpeg is first used
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self.uri = uri
        self._file: _Remote | None = None
        path = local_path(uri)
        if path is not None:
            self.capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, list(options))
        else:
            self._file = _Remote(_open_remote(uri), _BUFFER_BYTES)
            stream: Any = self._file  # OpenCV's type hints do not know that it takes one
            self.capture = cv2.VideoCapture(stream, cv2.CAP_FFMPEG, list(options))

    def check(self) -> None:
        """Raise OSError where reading failed: to OpenCV that looks like the end of the file."""
        if self._file is not None and self._file.failure is not None:
            failure = self._file.failure
            raise OSError(f"{self.uri}: reading failed: {failure}") from failure

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.capture.release()  # before the file is closed under it
        if self._file is not None:
            self._file.close()


class _Remote(io.BufferedReader):
    """Keeps what is raised while OpenCV reads: an exception there ends the process (tried)."""

    failure: Exception | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return super().read(size)
        except Exception as error:  # whatever a file system raises
            self.failure = self.failure or error
            return b""

    def seek(self, target: int, whence: int = 0, /) -> int:
        try:
            return super().seek(target, whence)
        except Exception as error:
            self.failure = self.failure or error
            return -1
