"""Prism, Beam's portable streaming runner: its binary, its process, its log."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import grpc  # type: ignore[import-untyped]

from repscore.models.weights import cache_dir
from repscore.transforms.errors import DatasetUnusable

_START_S: Final = 30.0
_STOP_S: Final = 5.0
_ASK_EVERY_S: Final = 5.0
_SILENT_S: Final = 60.0
"""No other process that works keeps it from an answer for so long."""
_ASK: Final = "/org.apache.beam.model.job_management.v1.JobService/GetJobs"
_LOGS_KEPT: Final = 20
_PR_SET_PDEATHSIG: Final = 1


class PrismMissing(ValueError):
    """There is no Prism, and Beam cannot download one either."""


class PrismDied(DatasetUnusable):
    """Prism's process ended while it was needed."""


@dataclass(frozen=True, slots=True)
class PrismBinary:
    """A binary and how it was found: `--prism`, `PATH` or `cache`."""

    path: str
    found_by: str


def cached_prism() -> Path:
    """Where `make prism` puts it: named after the version of Beam and the revision of its build."""
    return cache_dir() / "bin" / f"prism-v{version('apache-beam')}-r2"


def log_folder() -> Path:
    """Where the logs of Prism lie, one file per start."""
    return cache_dir() / "logs"


def find_prism(path: str | None = None) -> PrismBinary | None:
    """The binary at `path`, else on PATH, else in the cache; None where there is none.

    Raises PrismMissing where `path` is no program.
    """
    if path is not None:
        program = shutil.which(path)
        if program is None:
            raise PrismMissing(f"--prism {path}: expected a program, found none there")
        return PrismBinary(program, "--prism")
    if (program := shutil.which("prism")) is not None:
        return PrismBinary(program, "PATH")
    cached = cached_prism()
    return PrismBinary(str(cached), "cache") if os.access(cached, os.X_OK) else None


def binary_of(path: str | None) -> PrismBinary:
    """What `find_prism` finds, else Beam's own download; raises PrismMissing with the remedy."""
    binary = find_prism(path)
    if binary is not None:
        return binary
    from apache_beam.options.pipeline_options import PipelineOptions  # slow to import
    from apache_beam.runners.portability.prism_runner import PrismJobServer

    try:
        server = PrismJobServer(PipelineOptions([]))
        return PrismBinary(PrismJobServer.local_bin(server.path_to_binary()), "Beam's download")
    except (OSError, RuntimeError, ValueError) as error:
        raise PrismMissing(
            "Prism is not on PATH, not in repscore's cache, and Beam cannot download it "
            f"({type(error).__name__}): run `make prism`, or give --prism PATH"
        ) from error


class PrismProcess:
    """A running Prism on a port of 127.0.0.1; it ends with `close`, and when this process does."""

    def __init__(self, binary: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"127.0.0.1:{port}"
        folder = log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("prism-*.log"))[:-_LOGS_KEPT]:
            old.unlink(missing_ok=True)
        self.log = folder / f"prism-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
        arguments = ["--job_port", str(port), "--serve_http=false", "--log_kind", "text"]
        libc = ctypes.CDLL(None)  # loaded here, since the child may not load it after the fork
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [binary, *arguments, "--log_level", "warn"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt from the terminal is ours to handle
                preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        self._silent = False
        self._wait(port)
        threading.Thread(target=self._end_where_silent, name="prism", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def ended(self, within_s: float = 0.0) -> str | None:
        """How the process ended; None if it still runs after so many seconds.

        A process that dies loses its connections before it counts as ended.
        """
        try:
            status = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        how = f"has not answered for {_SILENT_S:g} s" if self._silent else how
        return f"Prism {how}; its log is {self.log}"

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()  # nothing survives this signal

    def _end_where_silent(self) -> None:
        """Kill a process that hangs: what waits for it then gets an error."""
        while self._process.poll() is None:
            if not _answers(self.endpoint) and self._process.poll() is None:
                self._silent = True
                self._process.kill()
            time.sleep(_ASK_EVERY_S)

    def _wait(self, port: int) -> None:
        limit_s = time.monotonic() + _START_S
        while True:
            if (ended := self.ended()) is not None:
                raise PrismDied(f"{ended}: {_last_line(self.log)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if time.monotonic() > limit_s:
                self.close()
                raise PrismDied(f"Prism does not answer within {_START_S:g} s; see {self.log}")
            time.sleep(0.05)


def _answers(endpoint: str) -> bool:
    """Whether any answer comes, be it that it does not know what it was asked."""
    with grpc.insecure_channel(endpoint) as channel:
        try:
            channel.unary_unary(_ASK)(b"", timeout=_SILENT_S, wait_for_ready=True)
        except grpc.RpcError as error:
            return error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED
    return True


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[-1]) if lines else "the log is empty"
