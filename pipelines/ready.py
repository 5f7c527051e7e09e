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
from importlib.util import find_spec
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
    _check_writable(root, path)


def check_file(name: str) -> None:
    """Raise NotReady for a file that cannot be written, by writing beside it."""
    path = local_path(name)
    if path is None:
        return
    if path.is_dir():
        raise NotReady(f"{name}: expected a file to write, found a folder: choose another name")
    try:
        _check_writable(name, path.absolute().parent)
    except UnusableRootError as error:
        raise NotReady(str(error)) from error


def _check_writable(name: str, folder: Path) -> None:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(p))
    if not there.is_dir():
        raise UnusableRootError(
            f"{name}: expected a folder, but {uri_of(there)} is a file: choose another folder"
        )
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnusableRootError(
            f"{name}: {uri_of(there)} cannot be written ({error.strerror}): free or allow it, or "
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


def check_runner(runner: RunnerConfig) -> None:
    """Raise NotReady for what is no runner of Beam, is not installed, or does not answer.

    And for options that neither Beam nor the runner knows, or that cannot be read.
    """
    described = _options_of_server(runner.job_endpoint) if runner.job_endpoint else set()
    if runner.name not in ("in-process", "prism", "portable"):
        _check_name(runner.name)
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
        name = option.removeprefix("--").partition("=")[0]
        if not known and name not in described:
            raise NotReady(
                f"--beam-option {option.removeprefix('--')}: Beam knows no such option, or it is "
                "the default; expected NAME=VALUE"
            )


def _check_name(name: str) -> None:
    from repscore.pipelines.runner.runner import make_runner  # slow to import

    try:
        with _quiet():
            runner = make_runner(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise NotReady(
            f"--runner {name}: expected in-process, prism, portable, or a runner of Beam's such as "
            f"dataflow or flink, found none ({str(error).partition(': ')[0]})"
        ) from error
    if type(runner).__name__ == "DataflowRunner" and find_spec("apitools") is None:
        raise NotReady(
            f"--runner {name}: expected Google's client libraries, found none: "
            "pip install 'repscore[dataflow]'"
        )


def _options_of_server(endpoint: str) -> set[str]:
    import grpc  # type: ignore[import-untyped]
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    try:
        with grpc.insecure_channel(endpoint) as channel:
            service = beam_job_api_pb2_grpc.JobServiceStub(channel)
            request = beam_job_api_pb2.DescribePipelineOptionsRequest()
            answer = service.DescribePipelineOptions(request, timeout=_ANSWER_S)
    except grpc.RpcError as error:
        raise NotReady(
            f"--job-endpoint {endpoint}: expected Beam's job service there, found "
            f"{error.code().name}: start the runner, or correct the address"
        ) from error
    return {option.name for option in answer.options}


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
