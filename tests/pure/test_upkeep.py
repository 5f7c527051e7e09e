"""Upkeep: few files in the tables, and nothing removed that rows or runs in progress need."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from table_rows import NOW, rows

from repscore.pipelines.cli import cli
from repscore.transforms.files import FoundFile, files_below
from repscore.transforms.leftovers import Rows, leftovers
from repscore.transforms.tables import upkeep
from repscore.transforms.tables.delta import (
    HISTORY,
    WriteConflictError,
    append_run,
    find_table,
    open_table,
    read_rows,
    write_batch,
)
from repscore.transforms.tables.rows import merge_rows
from repscore.transforms.tables.upkeep import tend, try_to_tend

DAY_S = 86_400.0


def poses(version: str, video: str, name: str = "00000-of-1-0-end.parquet") -> str:
    return f"poses/{version}/{video[:2]}/{video}/{name}"


def windows(video: str, digest: str) -> str:
    return f"windows/{video[:2]}/{video}-{digest}.safetensors"


def test_what_no_row_names_may_go_when_it_is_old() -> None:
    ages_s = {
        poses("v2", "known"): 99.0,
        poses("v1", "known"): 99.0,
        poses("v2", "gone"): 99.0,
        poses("v2", "begun"): 1.0,
        poses("v2", "known", ".00000-of-1-0-end.parquet-x1"): 99.0,
        poses("v2", "known", ".00000-of-1-0-end.parquet-x2"): 1.0,
        windows("known", "aa"): 99.0,
        windows("known", "bb"): 50.0,
        windows("gone", "cc"): 99.0,
        "scorers/learned.safetensors": 99.0,
    }
    files = [FoundFile(name, 1, 1000.0 - age_s) for name, age_s in ages_s.items()]
    undated = FoundFile(poses("v2", "also-gone"), 1, None)
    found = leftovers([*files, undated], Rows({"known"}, {("v2", "known")}), 1000.0 - 10.0)
    assert {kind: [file.name for file in gone] for kind, gone in found.items()} == {
        "orphaned poses": [poses("v2", "gone")],
        "poses of other versions": [poses("v1", "known")],
        "old windows": [windows("known", "aa"), windows("gone", "cc")],
        "unfinished files": [poses("v2", "known", ".00000-of-1-0-end.parquet-x1")],
    }


def test_tables_are_tended_where_it_pays(tmp_path: Path) -> None:
    root = str(tmp_path)
    for night in range(19):
        append_run(root, {"run_id": str(night), "started_at": NOW})
    assert try_to_tend(root, 0) is None
    assert len(open_table(root, "runs").file_uris()) == 19
    append_run(root, {"run_id": "19", "started_at": NOW})
    tend(root, 0)
    assert len(open_table(root, "runs").file_uris()) == 1
    assert len(list((tmp_path / "tables" / "runs").glob("*.parquet"))) == 1
    assert find_table(root, "videos") is None, "what is not there is not made"


def test_how_long_history_is_kept_is_that_of_who_tends(tmp_path: Path) -> None:
    append_run(str(tmp_path), {"run_id": "1", "started_at": NOW})
    for days in (1, 8):
        tend(str(tmp_path), days)
        configuration = open_table(str(tmp_path), "runs").metadata().configuration
        assert [configuration[name] for name in HISTORY] == [f"interval {days} days"] * 2
    version = open_table(str(tmp_path), "runs").version()
    tend(str(tmp_path), 8, always=True)
    assert open_table(str(tmp_path), "runs").version() == version, "nothing to do, no commit"


def test_a_run_is_whole_where_its_tables_cannot_be_tended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_run(str(tmp_path), {"run_id": "1", "started_at": NOW})

    def busy(*_: object) -> None:
        raise WriteConflictError("others commit")

    monkeypatch.setattr(upkeep, "on_newest", busy)
    assert try_to_tend(str(tmp_path)) == "others commit"


def repetitions(root: Path) -> list[tuple[object, ...]]:
    found = read_rows(str(root), "repetitions", ("video_id", "repetition"))
    return sorted((row["video_id"], row["repetition"]) for row in found)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three contents in as many commits, one of which was replaced; three of four poses are old."""
    root = str(tmp_path)
    for number in range(3):
        write_batch(root, rows(f"/{number}", f"video{number}", "1", 2))
    append_run(root, {"run_id": "1", "started_at": NOW})
    write_batch(root, merge_rows([rows("/0", "another", "2", 1)]))
    for name in (
        poses("v", "video1"),
        poses("v", "lost"),
        poses("v", "fresh"),
        poses("v", "video0"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"12345")
        if "fresh" not in name:
            os.utime(tmp_path / name, (0, time.time() - 9 * DAY_S))
    return tmp_path


def maintained(dataset: Path, *options: str) -> Mapping[str, object]:
    done = CliRunner().invoke(cli, ["maintain", str(dataset), "--json", *options])
    assert done.exit_code == 0, done.output
    found: Mapping[str, object] = json.loads(done.output)
    return found


def test_maintain(dataset: Path) -> None:
    before, listed = repetitions(dataset), sorted(files_below(str(dataset)))
    tried = maintained(dataset, "--dry-run")
    assert tried["after"] is None
    assert sorted(files_below(str(dataset))) == listed
    done = maintained(dataset)
    assert (done["removed"], done["before"]) == (tried["removed"], tried["before"])
    assert done["removed"] == {
        "history": {"files": 0, "bytes": 0},
        "orphaned poses": {"files": 1, "bytes": 5},
        "old windows": {"files": 0, "bytes": 0},
        "unfinished files": {"files": 0, "bytes": 0},
    }
    left = {path.parent.name for path in dataset.glob("poses/**/*.parquet")}
    assert left == {"fresh", "video1", "video0"}, "history may still name video0"
    after = done["after"]
    assert isinstance(after, dict)
    assert after["tables/repetitions"]["files"] == 1
    assert after["poses"] == {"files": 3, "bytes": 15}
    assert repetitions(dataset) == before


def test_maintain_removes_poses_of_other_versions_when_asked(dataset: Path) -> None:
    done = maintained(dataset, "--old-poses")["removed"]
    assert isinstance(done, dict)
    assert done["poses of other versions"] == {"files": 2, "bytes": 10}


def test_maintain_says_what_is_no_dataset(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["maintain", str(tmp_path)])
    assert done.exit_code == 1
    assert "expected one made by `repscore score`" in done.output


def test_maintain_shows_sizes(dataset: Path) -> None:
    shown = CliRunner().invoke(cli, ["maintain", str(dataset), "--dry-run"])
    assert "orphaned poses" in shown.stderr
    assert "15 B" not in shown.stderr, "all four pose files are counted"
    assert "20 B" in shown.stderr
