"""The kind of an error, and how long it is tried again."""

import errno
from typing import Any

import pytest

from repscore.transforms import errors
from repscore.transforms.errors import is_of_machine, kind_of_error, message_of, retried


class HttpError(Exception):
    """As gcsfs has it: the status is text."""

    def __init__(self, code: str) -> None:
        super().__init__(f"status {code}")
        self.code = code


class ClientError(Exception):
    """As botocore has it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class ServerDisconnectedError(Exception):
    """As aiohttp has it."""


class DefaultCredentialsError(Exception):
    """As google-auth has it."""


class RefreshError(Exception):
    """As google-auth has it."""


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("x"), "missing"),
        (OSError(errno.ENOENT, "x"), "missing"),
        (PermissionError("x"), "permission"),
        (OSError(errno.EROFS, "x"), "permission"),
        (ConnectionResetError("x"), "transient"),
        (TimeoutError("x"), "transient"),
        (MemoryError("x"), "transient"),
        (OSError(errno.EIO, "x"), "transient"),
        (OSError(errno.ENOSPC, "x"), "permanent"),
        (OSError("our own words"), "permanent"),
        (ValueError("x"), "permanent"),
        (HttpError("401"), "permission"),
        (HttpError("403"), "permission"),
        (HttpError("404"), "missing"),
        (HttpError("429"), "transient"),
        (HttpError("503"), "transient"),
        (HttpError("400"), "permanent"),
        (ClientError(403), "permission"),
        (ClientError(500), "transient"),
        (ServerDisconnectedError("x"), "transient"),
        (RefreshError("x"), "permission"),
        (caused(OSError("reading failed"), HttpError("503")), "transient"),
        (caused(OSError("reading failed"), HttpError("403")), "permission"),
    ],
    ids=repr,
)
def test_kinds(error: Exception, kind: str) -> None:
    assert kind_of_error(error) == kind


def test_what_the_machine_lacks_is_nobodys_fault() -> None:
    assert is_of_machine(ImportError("Install s3fs"))
    assert is_of_machine(caused(OSError("x"), DefaultCredentialsError("none")))
    assert not is_of_machine(HttpError("401"))


def test_a_message_is_one_line_with_what_comes_next() -> None:
    assert message_of(HttpError("503")) == "status 503; the next run tries it again"
    assert message_of(ValueError("two\nlines")) == "two lines"
    assert message_of(ValueError()) == "ValueError"


def failing(times: int, error: Exception) -> Any:
    calls = []

    def work() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return work


def test_transient_errors_alone_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(errors.time, "sleep", waited.append)
    assert retried(failing(2, HttpError("503"))) == 3
    assert len(waited) == 2
    assert all(0 <= pause <= most for pause, most in zip(waited, errors.PAUSES_S, strict=False))
    with pytest.raises(HttpError):
        retried(failing(len(errors.PAUSES_S) + 1, HttpError("503")))
    with pytest.raises(PermissionError):
        retried(failing(1, PermissionError("x")))
