"""Tables go back to an earlier state, all or none."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from table_rows import rows

from repscore.pipelines.cli import cli
from repscore.pipelines.query import query
from repscore.transforms.tables.delta import append_run, open_table, write_batch
from repscore.transforms.tables.rows import merge_rows
from repscore.transforms.tables.upkeep import tend


def ran(root: str, run: str, *uris: str) -> None:
    started_at = datetime.now(UTC)
    write_batch(root, merge_rows([rows(uri, uri, run, 2) for uri in uris]))
    append_run(root, {"run_id": run, "started_at": started_at, "finished_at": datetime.now(UTC)})


def uris(root: str) -> list[str]:
    relation = query(root, "SELECT uri FROM videos ORDER BY 1")
    assert relation is not None
    return [uri for (uri,) in relation.fetchall()]


def test_a_run_is_taken_back_and_forth(tmp_path: Path) -> None:
    root = str(tmp_path)
    ran(root, "aaaa", "/one", "/two")
    ran(root, "bbbb", "/three")
    open_table(root, "repetitions").delete()
    done = CliRunner().invoke(cli, ["restore", root, "aa", "--json"])
    assert done.exit_code == 0, done.output
    assert uris(root) == ["/one", "/two"]
    found = json.loads(done.output)
    assert (found["rows"]["videos"], found["rows"]["repetitions"]) == (2, 4)
    assert CliRunner().invoke(cli, ["restore", root, "bbbb"]).exit_code == 0
    assert uris(root) == ["/one", "/three", "/two"]
    relation = query(root, "SELECT count(*) FROM runs")
    assert relation is not None
    assert relation.fetchall() == [(2,)]
    ran(root, "cccc", "/four")
    assert uris(root) == ["/four", "/one", "/three", "/two"]


def test_a_table_that_was_not_there_is_empty_again(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_batch(root, {"videos": rows("/one", "1", "aaaa", 1)["videos"]})
    append_run(root, {"run_id": "aaaa", "started_at": datetime.now(UTC)})
    instant = datetime.now(UTC).isoformat()
    ran(root, "bbbb", "/two")
    done = CliRunner().invoke(cli, ["restore", root, instant, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["rows"]["repetitions"] == 0
    assert uris(root) == ["/one"]


@pytest.mark.parametrize("words", ["never", "zzzz"])
def test_an_unknown_run_is_an_error(tmp_path: Path, words: str) -> None:
    ran(str(tmp_path), "aaaa", "/one")
    done = CliRunner().invoke(cli, ["restore", str(tmp_path), words])
    assert done.exit_code == 1
    assert "expected a run_id" in done.output


def test_where_history_is_gone_nothing_changes(tmp_path: Path) -> None:
    root = str(tmp_path)
    ran(root, "aaaa", "/one")
    instant = datetime.now(UTC).isoformat()
    ran(root, "bbbb", "/one")
    tend(root, 0, always=True)
    done = CliRunner().invoke(cli, ["restore", root, instant])
    assert done.exit_code == 1
    assert "was removed with its history" in done.output
    relation = query(root, "SELECT DISTINCT run_id FROM repetitions")
    assert relation is not None
    assert relation.fetchall() == [("bbbb",)]
