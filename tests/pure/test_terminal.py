"""Names of files and exercises cannot steer a terminal, whatever shows them."""

import io
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from rich.table import Table

from repscore.pipelines import cli
from repscore.pipelines.progress import console
from repscore.pipelines.query import run_query
from repscore.pipelines.summary import print_summary
from repscore.pipelines.terminal import LogFormatter, echo, line, printable
from repscore.transforms.tables.delta import append_run, write_batch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAME = (
    "\x1b[2J\x1b]0;title\x07[red]:smile:[/nothing]\x9b31m\u202e4pm.\u2066a\r\x08\u200fü\u2028.mp4"
)
"""Clears the screen, sets the title, is markup and no markup, and turns text around."""
STAMPS = {"run_id": "1", "processed_at": NOW}
STEERING = {*"\x1b\x07\x9b\u202e\u2066\r\x08\u200f\u2028"}


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A dataset whose input, exercise and error message are that name."""
    video = {
        "video_id": "v",
        "uri": f"/archive/{NAME}",
        "fingerprint": "f",
        "stamp": "s",
        "duplicate_of": None,
        "status": "ok",
        "config": "c",
        "repetitions": 1,
        "decoded_s": 1.0,
        **STAMPS,
    }
    repetition = {
        "video_id": "v",
        "video_uri": video["uri"],
        "person": 0,
        "repetition": 0,
        "start_s": 0.0,
        "end_s": 1.0,
        "exercise": NAME,
        "score": 50.0,
        "scorable": True,
        "score_kind": "reference",
        "confidence": 1.0,
        "duration_s": 1.0,
        "out_s": 0.5,
        "hold_s": 0.0,
        "back_s": 0.5,
        "amplitude_torsos": 1.0,
        "scorer_version": "s",
        "pose_version": "p",
        **STAMPS,
    }
    failure = {"uri": video["uri"], "stage": "pose", "error_class": "E", "message": NAME}
    rows = {
        "videos": [video],
        "repetitions": [repetition],
        "failures": [{**failure, "attempts": 1, **STAMPS}],
    }
    write_batch(str(tmp_path), rows)
    append_run(str(tmp_path), {"run_id": "1", "started_at": NOW, "command": "score"})
    return str(tmp_path)


def styles_aside(text: str) -> str:
    """What rich itself sends: bold and its end."""
    return text.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_what_steers_is_shown_and_the_rest_stays() -> None:
    assert printable("a\tb\nä漢👍") == "a\tb\nä漢👍"
    assert printable("\x1b[31m\x9b\u202e\udc80") == "\\u001b[31m\\u009b\\u202e\\udc80"
    assert line("a\n\tb\x1b") == "a b\\u001b"
    assert not STEERING & {*printable(NAME)}


def test_tables_and_figures_show_names_as_they_are(root: str) -> None:
    for as_json in (False, True):
        out = Terminal()
        run_query(root, "SELECT uri, message FROM failures", as_json=as_json, out=out)
        print_summary(root, as_json=as_json, out=out)
        text = styles_aside(out.getvalue())
        assert not STEERING & {*text}
        assert "\\u001b[2J" in text
        assert ":smile:[/nothing]" in "".join(text.split())


def test_json_keeps_the_name(root: str) -> None:
    out = io.StringIO()
    run_query(root, "SELECT uri FROM failures", as_json=True, out=out)
    assert json.loads(out.getvalue()) == [{"uri": f"/archive/{NAME}"}]
    out = io.StringIO()
    print_summary(root, as_json=True, out=out)
    assert json.loads(out.getvalue())["failures"][0]["message"] == NAME


def test_the_console_obeys_no_markup() -> None:
    out = Terminal()
    table = Table("name")
    table.add_row(NAME)
    for shown in (NAME, table):
        console(out, width=200).print(shown)
    text = styles_aside(out.getvalue())
    assert not STEERING & {*text}
    assert text.count("[red]:smile:[/nothing]") == 2


def test_messages_and_logs_take_one_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"{NAME}: a line", err=True)
    record = logging.LogRecord("n", logging.ERROR, "p", 1, "%s", (NAME,), None)
    text = capsys.readouterr().err + LogFormatter("%(message)s").format(record)
    assert not STEERING & {*text}


@pytest.mark.parametrize(
    "error", [click.ClickException(f"{NAME}\nrepscore: done"), click.UsageError(f"{NAME}\n: done")]
)
def test_an_error_is_one_line_that_steers_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "main", fail)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit):
        cli.main(["score"])
    (shown,) = capsys.readouterr().err.splitlines()
    assert not STEERING & {*shown}


def test_a_crash_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ZeroDivisionError(NAME)
    except ZeroDivisionError as error:
        cli.show_crash(type(error), error, error.__traceback__)
    text = capsys.readouterr().err
    assert "ZeroDivisionError" in text
    assert not STEERING & {*text}
