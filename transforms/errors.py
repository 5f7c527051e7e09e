"""Errors of stores and files: what kind they are, and how long to try again.

The place where an error is raised says whether the input, the dataset or the machine is to blame;
its kind says whether to wait. Errors of cloud clients are known by their status codes and
class names, so that no client need be installed.
"""

import errno
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeVar

ErrorKind = Literal["transient", "permission", "missing", "permanent"]
"""`transient` may pass by itself; the others need somebody: to allow, to bring, to mend."""

PAUSES_S: Final = (0.5, 2.0, 8.0)
"""Up to so long before each further attempt; clients of object stores try again by themselves."""
_ERRNO: Final[dict[int, ErrorKind]] = {
    **dict.fromkeys(
        (errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET)
        + (errno.EHOSTUNREACH, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENETDOWN)
        + (errno.ENETRESET, errno.ENETUNREACH, errno.ENFILE, errno.EPIPE, errno.ESTALE)
        + (errno.ETIMEDOUT,),
        "transient",
    ),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "permission"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ENXIO), "missing"),
}
_STATUS: Final[dict[int, ErrorKind]] = {
    **dict.fromkeys((401, 403, 407), "permission"),
    **dict.fromkeys((404, 410), "missing"),
    **dict.fromkeys((408, 425, 429, 500, 502, 503, 504), "transient"),
}
_NAMES: Final[dict[str, ErrorKind]] = {  # parts of class names of aiohttp, requests, botocore, ...
    "Timeout": "transient",
    "Connection": "transient",
    "ServerDisconnected": "transient",
    "ClientPayload": "transient",
    "Transport": "transient",
    "Credentials": "permission",
    "Refresh": "permission",
    "Forbidden": "permission",
    "Unauthorized": "permission",
    "NotFound": "missing",
    "NoSuch": "missing",
    "Missing": "missing",
}
_TREE: Final = re.compile(r"\s*\x1b\[31m↳\x1b\[0m\s*")
"""How delta-rs sets one cause below the other."""
_T = TypeVar("_T")


_REMEDIES: Final[dict[ErrorKind, str]] = {
    "transient": "; the next run tries it again",
    "permission": "; allow it to be read, then run `repscore replay`",
    "missing": "; the next run takes it if it is there again",
    "permanent": "",
}


class DatasetUnusable(RuntimeError):
    """The dataset or this machine lacks something that every input needs; the run ends."""


def kind_of_error(error: BaseException) -> ErrorKind:
    """The kind of an error, from it or from what caused it."""
    for each in _chain(error):
        kind = _own_kind(each)
        if kind is not None:
            return kind
    return "permanent"


def is_of_machine(error: BaseException) -> bool:
    """Whether a client or its credentials are lacking here, so that no input is to blame."""
    return any(
        isinstance(each, ImportError)
        or type(each).__name__ in ("DefaultCredentialsError", "NoCredentialsError")
        for each in _chain(error)
    )


def words_of(error: BaseException) -> str:
    """An error in one line: the message, or the class where it has none."""
    return " ".join(_TREE.sub(": ", str(error)).split()) or type(error).__name__


def message_of(error: BaseException) -> str:
    """An error in one line, with what happens next or has to be done."""
    return words_of(error) + _REMEDIES[kind_of_error(error)]


def retried(work: Callable[[], _T]) -> _T:
    """What `work` returns; tried again, after random pauses, while its errors are transient."""
    for pause_s in PAUSES_S:
        try:
            return work()
        except Exception as error:
            if kind_of_error(error) != "transient":
                raise
            time.sleep(random.uniform(0, pause_s))  # noqa: S311
    return work()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield error
        error = error.__cause__


def _own_kind(error: BaseException) -> ErrorKind | None:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    if isinstance(error, PermissionError):
        return "permission"
    if isinstance(error, ConnectionError | TimeoutError | MemoryError):
        return "transient"
    status = _status_of(error)
    if status in _STATUS:
        return _STATUS[status]
    if isinstance(error, OSError) and error.errno is not None:
        return _ERRNO.get(error.errno, "permanent")
    name = type(error).__name__
    return next((kind for part, kind in _NAMES.items() if part in name), None)


def _status_of(error: BaseException) -> int | None:
    """The HTTP status that a client's error carries."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    places = (
        getattr(error, "code", None),
        getattr(error, "status", None),
        getattr(response, "status_code", None),
        metadata.get("HTTPStatusCode"),
    )
    for value in places:
        try:
            return int(str(value))  # gcsfs has it as text
        except ValueError:
            continue
    return None
