"""Whether a run can start: what it writes to, Ray's sockets and address, Beam's options.

Everything here is looked at before a process starts and before anything is written.
"""

import contextlib
import errno
import io
import logging
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from repscore.pipelines.options import RunnerConfig
from repscore.transforms.files import local_path, uri_of
from repscore.transforms.storage import check_writable
from repscore.transforms.tables.delta import UnusableRootError, check_root

_PROBE_BYTES: Final = 4 << 20
"""An empty dataset of one clip needs less."""
_SOCKET: Final = "repscore-00000000/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store"
_SOCKET_BYTES: Final = 107
"""Of `sun_path` (unix(7)), its end mark left out."""
_ADDRESS: Final = re.compile(r"(?:ray://)?(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_ANSWER_S: Final = 5.0


class NotReady(ValueError):
    """A run cannot start here; the message says what to change."""


def check_output(root: str) -> None:
    """Raise an error for a dataset's place that cannot be written, by writing to it.

    UnusableRootError for a folder, StoreUnusable for a URL.
    """
    if not root.strip():
        raise UnusableRootError("--output is empty: expected a folder or URL for the dataset")
    check_root(root)
    path = local_path(root)
    if path is None:
        check_writable(root)
        return
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    if not there.is_dir():
        raise UnusableRootError(
            f"{root}: expected a folder, but {uri_of(there)} is a file: choose another folder"
        )
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnusableRootError(
            f"{root}: {uri_of(there)} cannot be written ({error.strerror}): free or allow it, or "
            "choose another folder"
        ) from error


def check_ray(address: str | None) -> None:
    """Raise NotReady where Ray can neither be started nor joined."""
    if address is None:
        folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
        length = len(os.fsencode(str(Path(folder, _SOCKET))))
        if length > _SOCKET_BYTES:
            raise NotReady(
                f"TMPDIR {uri_of(folder)} is too long: Ray's sockets below it would take {length} "
                f"bytes of {_SOCKET_BYTES}; set TMPDIR or RAY_TMPDIR to a shorter folder, e.g. /tmp"
            )
        return
    if address in ("auto", "local"):
        return
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise NotReady(f"--ray-address {address!r}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        with socket.create_connection((found["host"].strip("[]"), int(found["port"])), _ANSWER_S):
            pass
    except (OSError, OverflowError) as error:
        raise NotReady(
            f"--ray-address {address}: nothing answers there ({error}): start the cluster, or "
            "leave the option out for a local Ray"
        ) from error


def check_beam_options(runner: RunnerConfig) -> None:
    """Raise NotReady for options that Beam does not know or cannot read.

    A portable runner may know more than Beam does.
    """
    if not runner.beam_options:
        return
    from apache_beam.options.pipeline_options import PipelineOptions  # slow to import

    for option in runner.beam_options:
        words = io.StringIO()
        try:
            with contextlib.redirect_stderr(words), _quiet():
                known = PipelineOptions([option]).get_all_options(drop_default=True)
        except SystemExit as error:
            reason = words.getvalue().strip().rpartition("error: ")[2]
            raise NotReady(f"--beam-option {option.removeprefix('--')}: {reason}") from error
        if not known and runner.name != "portable":
            raise NotReady(
                f"--beam-option {option.removeprefix('--')}: Beam knows no such option, or it is "
                "the default; expected NAME=VALUE"
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def full_disk(error: BaseException) -> str | None:
    """What says that a disk filled up, in an error or its causes; None for any other error."""
    words = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        for line in str(cause).splitlines():
            if any(word in line for word in words):
                return line.strip()
        cause = cause.__cause__ or cause.__context__
    return None
