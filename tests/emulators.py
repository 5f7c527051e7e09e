"""Emulators of Google Cloud Storage and of S3, which the tests start themselves on 127.0.0.1.

One process of each at most, started by the first test that asks for it, ended with the session or
with the process of the tests. `make emulators` builds the one, `make setup` installs the other.
"""

import ctypes
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from repscore.models.weights import cache_dir

FAKE_GCS_VERSION = "v1.56.1-r1"
FAKE_GCS = cache_dir() / "bin" / f"fake-gcs-server-{FAKE_GCS_VERSION}"

_START_S = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Store:
    """An emulator that runs.

    Attributes:
        scheme: `gs` or `s3`.
        endpoint: `http://127.0.0.1:PORT`.
        environment: all that a process needs for reaching it.
    """

    scheme: str
    endpoint: str
    environment: Mapping[str, str]
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def new_bucket(self) -> str:
        """The URL of an empty bucket that nobody else uses."""
        name = f"bucket-{next(self._numbers)}"
        if self.scheme == "gs":
            self.request("POST", "/storage/v1/b?project=test", json.dumps({"name": name}).encode())
        else:
            self.request("PUT", f"/{name}")
        return f"{self.scheme}://{name}"

    def put(self, url: str, content: bytes) -> None:
        """Write an object, by none of the clients that are tested."""
        bucket, _, name = url.partition("://")[2].partition("/")
        if self.scheme == "gs":
            path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
            self.request("POST", path, content)
        else:
            self.request("PUT", f"/{bucket}/{quote(name)}", content)

    def put_folder(self, url: str, folder: Path) -> None:
        """Write all files below a folder."""
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(f"{url}/{file.relative_to(folder)}", file.read_bytes())

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """What the emulator answers."""
        status, answer = _answer(self.endpoint, method, path, body)
        assert status < 400, f"{method} {path}: {status} {answer!r}"
        return answer


def _answer(endpoint: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and content; raises OSError where nobody answers."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=60)
    with closing(connection):
        # moto takes a body without a type for a form, and keeps what nobody signed as it is
        headers = {"Content-Type": "application/octet-stream", "x-amz-acl": "public-read-write"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], endpoint: str, log: Path) -> Iterator[None]:
    """A server for as long as the block lasts; it answers when the block begins."""
    libc = ctypes.CDLL(None)  # loaded here, since the child may not load it after the fork
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    try:
        limit_s = time.monotonic() + _START_S
        while True:
            assert process.poll() is None, f"{command[0]} ended: {log.read_text()}"
            assert time.monotonic() < limit_s, f"{command[0]} does not answer: {log.read_text()}"
            with suppress(OSError):
                _answer(endpoint, "GET", "/")
                break
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Google Cloud Storage, as fake-gcs-server has it in memory."""
    if not os.access(FAKE_GCS, os.X_OK):
        pytest.skip(f"needs fake-gcs-server {FAKE_GCS_VERSION}: run `make emulators`")
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        *(str(FAKE_GCS), "-backend", "memory", "-scheme", "http", "-log-level", "error"),
        *("-host", "127.0.0.1", "-port", str(port)),
        *("-public-host", f"127.0.0.1:{port}", "-external-url", endpoint),
    ]
    log = tmp_path_factory.mktemp("gcs") / "log"
    with _running(command, endpoint, log):
        yield Store("gs", endpoint, {"STORAGE_EMULATOR_HOST": endpoint})


@contextmanager
def running_s3(log: Path) -> Iterator[Store]:
    """S3, as the server of moto has it in memory."""
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1"]
    with _running([*command, "-p", str(port)], endpoint, log):
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        yield Store("s3", endpoint, environment)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The one that all tests share."""
    with running_s3(tmp_path_factory.mktemp("s3") / "log") as store:
        yield store


@pytest.fixture(params=["gcs", "s3"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each emulator in turn, named by the environment of this process."""
    found: Store = request.getfixturevalue(request.param)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found
