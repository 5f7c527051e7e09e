"""What `diff` says of two states of a dataset that were written by hand."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from table_rows import rows

from repscore.pipelines.cli import cli
from repscore.pipelines.diff import reason_of
from repscore.pipelines.score_changes import pairs_of
from repscore.transforms.tables.delta import append_run, open_table, write_batch
from repscore.transforms.tables.rows import Rows, merge_rows
from repscore.transforms.tables.upkeep import tend


def scored(uri: str, content: str, run: str, *scores: float, scorer: str = "s1") -> Rows:
    """A video with a repetition per second, each with a score."""
    made = rows(uri, content, run, len(scores))
    repetitions = [
        {**row, "score": score, "scorable": True, "exercise": "squat"}
        for row, score in zip(made["repetitions"], scores, strict=True)
    ]
    now = {"processed_at": datetime.now(UTC), "scorer_version": scorer}
    videos = [{**row, **now, "pose_version": "poses"} for row in made["videos"]]
    return {"videos": videos, "repetitions": repetitions}


def ran(root: str, run: str, *videos: Rows) -> None:
    started_at = datetime.now(UTC)
    append_run(root, {"run_id": run, "started_at": started_at})
    if videos:
        write_batch(root, merge_rows(videos))
    row = {"run_id": run, "started_at": started_at, "finished_at": datetime.now(UTC)}
    append_run(root, row)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights: four inputs; one new, one changed, one scored anew, one gone; nothing."""
    folder = tmp_path_factory.mktemp("nights")
    root = str(folder)
    first = [scored(f"/{name}", name, "aaaa", 50.0, 60.0) for name in "kvx"]
    ran(root, "aaaa", *first, scored("/c", "C1", "aaaa", 80.0))
    second = [
        scored("/n", "N", "bbbb", 10.0),
        scored("/c", "C2", "bbbb", 90.0),
        scored("/x", "x", "bbbb", 50.5, 40.0, scorer="s2"),
    ]
    ran(root, "bbbb", *second)
    open_table(root, "videos").delete("uri = '/v'")
    ran(root, "cccc")
    return folder


def diff_of(root: Path, *options: str) -> Mapping[str, Any]:
    done = CliRunner().invoke(cli, ["diff", str(root), "--json", *options])
    assert done.exit_code == 0, done.output
    found: Mapping[str, Any] = json.loads(done.output)
    return found


def test_since_a_run(nights: Path) -> None:
    found = diff_of(nights, "--since", "aa")
    assert found["counts"] == {"new": 1, "changed": 1, "again": 1, "vanished": 1}
    assert (found["unchanged"], found["gone"]) == (1, None)
    columns = ("change", "why", "old_repetitions", "repetitions", "old_mean_score", "mean_score")
    inputs = {row["uri"]: tuple(row[name] for name in columns) for row in found["inputs"]}
    assert inputs == {
        "/n": ("new", "new input", None, 1, None, 10.0),
        "/c": ("changed", "changed content", 1, 1, 80.0, 90.0),
        "/x": ("again", "new scorer", 2, 2, 55.0, 45.25),
        "/v": ("vanished", None, 2, None, 55.0, None),
    }
    scorer, content = found["scores"]["new scorer"], found["scores"]["changed content"]
    assert (scorer["compared"], scorer["score"]) == (2, 1), "half a point is no move"
    assert (content["compared"], content["score"]) == (1, 1)


def test_without_since_it_is_the_last_run(nights: Path) -> None:
    found = diff_of(nights)
    assert (found["inputs"], found["unchanged"]) == ([], 4)


def test_since_a_time(nights: Path) -> None:
    found = diff_of(nights, "--since", "2020-01-01")
    assert found["counts"] == {"new": 4}
    assert "4 new, 0 unchanged" in show(nights, "--since", "2020-01-01T00:00+02:00")


def show(root: Path, *options: str) -> str:
    return CliRunner().invoke(cli, ["diff", str(root), *options]).stderr


def test_it_shows_what_moved(nights: Path) -> None:
    shown = show(nights, "--since", "aaaa")
    assert "new scorer: of 2 repetitions 1 moved by a point or more" in shown
    assert "1 new" in shown


@pytest.mark.parametrize(
    ("since", "word"), [("zz", "no such run"), ("2026-13-01", "no such run"), ("", "several")]
)
def test_what_is_neither_run_nor_time_is_refused(nights: Path, since: str, word: str) -> None:
    done = CliRunner().invoke(cli, ["diff", str(nights), "--since", since])
    assert done.exit_code == 1
    assert word in done.output
    assert len(done.output.splitlines()) == 1


def test_a_run_that_did_not_finish_is_refused(tmp_path: Path) -> None:
    append_run(str(tmp_path), {"run_id": "aaaa", "started_at": datetime.now(UTC)})
    done = CliRunner().invoke(cli, ["diff", str(tmp_path), "--since", "aaaa"])
    assert "did not finish; give a time" in done.output


def test_without_history_it_lists_what_was_processed(tmp_path: Path) -> None:
    root = str(tmp_path)
    ran(root, "aaaa", scored("/a", "A", "aaaa", 50.0), scored("/b", "B", "aaaa", 50.0))
    ran(root, "bbbb", scored("/a", "A2", "bbbb", 60.0))
    tend(root, 0, always=True)
    found = diff_of(tmp_path, "--since", "aaaa")
    assert "was removed with its history" in found["gone"]
    assert [(row["uri"], row["change"], row["why"]) for row in found["inputs"]] == [
        ("/a", "replaced", None)
    ]
    assert found["unchanged"] is None
    assert "1 inputs were processed" in show(tmp_path, "--since", "aaaa")


def video(**changed: str) -> dict[str, Any]:
    same = ("video_id", "fingerprint", "pose_version", "scorer_version", "config")
    values = dict.fromkeys(same, "1") | {f"old_{name}": "1" for name in same}
    return values | changed


def test_the_first_cause_is_the_reason() -> None:
    assert reason_of(video()) == ("again", "processed again")
    assert reason_of(video(config="2")) == ("again", "options")
    assert reason_of(video(config="2", scorer_version="2")) == ("again", "new scorer")
    changed = video(config="2", scorer_version="2", pose_version="2")
    assert reason_of(changed) == ("again", "new poses")
    assert reason_of({**changed, "fingerprint": "2"}) == ("changed", "changed content")


def test_repetitions_are_the_same_where_they_share_more_than_half() -> None:
    def row(start_s: float, end_s: float, person: int = 0) -> dict[str, Any]:
        return {"video_id": "v", "person": person, "start_s": start_s, "end_s": end_s}

    before = [row(0, 2), row(2, 4), row(10, 12), row(0, 2, person=1)]
    after = [row(2.2, 4.1), row(0.1, 2.2), row(11, 14), row(20, 22)]
    assert pairs_of(before, after) == [(before[1], after[0]), (before[0], after[1])]
