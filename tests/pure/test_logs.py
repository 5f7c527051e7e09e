"""`--log-json`: each line on standard error is one JSON object, without secrets."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from repscore.pipelines import cli
from repscore.pipelines.logs import last_words, log_json, of_run, say_error, without_secrets
from repscore.pipelines.progress import console


@pytest.fixture
def root_handlers() -> Iterator[None]:
    """The program's own handler alone."""
    before, sys_excepthook = logging.root.handlers[:], sys.excepthook
    logging.root.handlers = []
    yield
    logging.root.handlers, sys.excepthook = before, sys_excepthook


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_everything_on_standard_error_is_an_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging.root, "handlers", [handler])
    before = datetime.now(UTC)
    log_json()
    of_run("r1")
    console().print("one\x1b[2J\u202e", "ü")
    print("two\n\nthr", end="", file=sys.stderr)  # noqa: T201
    print("ee", file=sys.stderr)  # noqa: T201
    logging.getLogger("some.library").error("four: %s", 4)
    say_error("five\nsix")

    text = capsys.readouterr().err
    assert not {*"\x1b\u202e"} & {*text}
    found = [json.loads(line) for line in text.splitlines()]
    assert [(line["level"], line["logger"], line["message"]) for line in found] == [
        ("INFO", "repscore", r"one\u001b[2J\u202e ü"),
        ("INFO", "repscore", "two"),
        ("INFO", "repscore", "three"),
        ("ERROR", "some.library", "four: 4"),
        ("ERROR", "repscore", "five\nsix"),
    ]
    assert {line["run_id"] for line in found} == {"r1"}
    times = [datetime.fromisoformat(line["time"]) for line in found]
    assert all(time.utcoffset() is not None for time in times)
    assert (times[0] - before).total_seconds() < 60
    assert json.loads(last_words("ended"))["message"] == "ended"


def test_without_the_option_text_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("no: such file")

    assert capsys.readouterr().err == "no: such file\n"
    assert last_words("ended") == b"ended\n"


@pytest.mark.usefixtures("root_handlers")
@pytest.mark.parametrize(
    "words",
    [
        ["maintain", "{}", "--log-json"],
        ["rescore", "{}", "--log-json"],
        ["score", "{}/none.mp4", "-o", "{}/d", "--log-json"],
        ["score", "--log-json", "--people", "0", "x", "-o", "y"],
        ["score", "--people", "0", "x", "-o", "y", "--config", "{}/json.toml"],
        ["watch", "{}/none.mp4", "-o", "{}/d", "--log-json", "--environment", "DOCKER:x"],
    ],
)
def test_errors_of_commands_are_objects(
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    (tmp_path / "json.toml").write_text("log-json = true\n")
    with pytest.raises(SystemExit) as end:
        cli.main([word.format(tmp_path) for word in words])

    assert end.value.code == 2
    (line,) = lines_of(capsys)
    assert (line["level"], line["logger"]) == ("ERROR", "repscore")
    assert line["message"].startswith("repscore")


@pytest.mark.usefixtures("root_handlers")
def test_a_crash_is_one_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    log_json()
    try:
        raise ZeroDivisionError("gs://x")
    except ZeroDivisionError as error:
        cli.show_crash(type(error), error, error.__traceback__)

    (line,) = lines_of(capsys)
    assert line["message"].startswith("Traceback")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ana:pass@host/a.mp4", "https://***@host/a.mp4"),
        ("https://h/a?X-Amz-Signature=0af&x=1", "https://h/a?X-Amz-Signature=***&x=1"),
        ("https://h/a?X-Goog-Credential=me%2F1&sig=b", "https://h/a?X-Goog-Credential=***&sig=***"),
        ("https://h/a?sv=1&SharedAccessSignature=b", "https://h/a?sv=1&SharedAccessSignature=***"),
        ("Authorization: Bearer ya29.x", "Authorization: Bearer ***"),
        ("key wJalr/EXAMPLE is wrong", "key *** is wrong"),
        ("gs://bucket/a@b.mp4: 3 tokens", "gs://bucket/a@b.mp4: 3 tokens"),
    ],
)
def test_no_secret_is_logged(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr/EXAMPLE")

    assert without_secrets(text) == shown


def test_options_are_on_the_commands_that_run_at_night() -> None:
    for name in ("score", "watch", "rescore", "maintain"):
        command = cli.cli.commands[name]
        assert isinstance(command, click.Command)
        assert "--log-json" in {option for each in command.params for option in each.opts}
