"""A runner that ends is said once, by us: what Beam's threads and logs say of it is left out."""

import logging
import threading
from collections.abc import Iterator

import grpc
import pytest

from repscore.pipelines.runner.runner import _runner_errors_once

LOST = "grpc._channel._MultiThreadedRendezvous: <_MultiThreadedRendezvous of RPC that ended>"


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)


@pytest.mark.parametrize("error", [grpc.RpcError("lost"), RuntimeError(f"{LOST} [while running]")])
def test_a_lost_connection_is_not_logged(heard: Heard, error: Exception) -> None:
    with _runner_errors_once():
        logging.error("a bundle failed", exc_info=error)
        logging.error("a bundle failed: %s", RuntimeError(LOST))
        logging.error("a bundle failed", exc_info=ValueError("a fault of a stage"))
    assert heard.messages == ["a bundle failed"]


def test_a_thread_that_loses_the_connection_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(arguments.exc_value))

    def fail(error: Exception) -> None:
        raise error

    bad = ValueError("a fault of ours")
    with _runner_errors_once():
        for error in (RuntimeError(LOST), bad):
            thread = threading.Thread(target=fail, args=(error,))
            thread.start()
            thread.join()
    assert seen == [bad]
