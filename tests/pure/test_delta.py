"""Run as a program, this file is one of the processes that race: see `race`."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from table_rows import NOW, rows

from repscore.transforms.tables import delta
from repscore.transforms.tables.delta import (
    append_run,
    open_table,
    read_known,
    read_rows,
    succession,
    write_batch,
)
from repscore.transforms.tables.rows import merge_rows, rows_of_failures
from repscore.transforms.tables.schemas import SCHEMAS
from repscore.transforms.tables.upkeep import tend

FOLDER = "gs://bucket/an/archive/whose/names/share/a/long/beginning/"


def videos(root) -> list[tuple[str, str, str | None]]:
    found = read_rows(str(root), "videos", ["uri", "video_id", "duplicate_of"])
    return sorted((row["uri"], row["video_id"], row["duplicate_of"]) for row in found)


def repetitions(root) -> Counter[tuple[str, str, str]]:
    found = read_rows(str(root), "repetitions", ["video_uri", "video_id", "run_id"])
    return Counter((row["video_uri"], row["video_id"], row["run_id"]) for row in found)


def race(root: str, me: int, case: str) -> None:
    """Three batches: inputs that all processes write, alone or beside inputs of its own."""
    Path(root, f"ready-{me}").touch()
    while not Path(root, "go").exists():
        time.sleep(0.002)
    for turn in range(3):
        own = [f"{FOLDER}{me}-{turn}-{i}" for i in range(2)] if case != "same" else []
        shared = [f"{FOLDER}shared-{turn % 2}-{i}" for i in range(2)]
        size = (3 * me + turn) % 5
        batch = [
            rows(uri, f"content {uri}", f"run-{me}-{turn}", size, failures=size % 2)
            for uri in own + shared
        ]
        write_batch(root, merge_rows(batch))
        append_run(root, {"run_id": f"run-{me}-{turn}", "started_at": NOW})


@pytest.mark.parametrize(("case", "expected"), [("same", 4), ("both", 22)])
def test_racing_processes_leave_each_video_once_and_whole(tmp_path, case, expected):
    root = str(tmp_path)  # the tables are not there yet: their creation is part of the race
    processes = [
        subprocess.Popen([sys.executable, __file__, root, str(me), case]) for me in range(3)
    ]
    while sum(1 for _ in tmp_path.glob("ready-*")) < len(processes):
        assert all(process.poll() in (None, 0) for process in processes)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    assert [process.wait() for process in processes] == [0, 0, 0]

    listed = read_rows(root, "videos")
    assert len(listed) == len({row["uri"] for row in listed}) == expected
    assert repetitions(root) == Counter(
        {
            (row["uri"], row["video_id"], row["run_id"]): row["repetitions"]
            for row in listed
            if row["repetitions"]
        }
    )
    failures = Counter((row["uri"], row["run_id"]) for row in read_rows(root, "failures"))
    assert failures == Counter(
        {(row["uri"], row["run_id"]): 1 for row in listed if row["repetitions"] % 2}
    )
    assert len(read_rows(root, "runs")) == 9


def test_a_batch_is_one_commit_per_table(tmp_path):
    write_batch(str(tmp_path), merge_rows([rows(f"/{i}", f"c{i}", "run", 2) for i in range(5)]))
    assert open_table(str(tmp_path), "repetitions").version() == 1  # 0 created it
    assert open_table(str(tmp_path), "videos").version() == 1
    assert open_table(str(tmp_path), "sets").version() == 0  # no rows, no commit


def test_warehouses_can_read_every_table(tmp_path):
    """Old readers know reader version 1 and timestamps in UTC; nothing here may raise them."""
    root = str(tmp_path)
    append_run(root, {"run_id": "run", "started_at": NOW})
    for _ in range(2):
        write_batch(root, rows("/a", "A", "run", 2, failures=1))
    tend(root, 8, always=True)
    for name, schema in SCHEMAS.items():
        table = open_table(root, name)
        protocol = table.protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2), name
        assert not protocol.reader_features
        kinds = {field.name: str(field.type.type) for field in table.schema().fields}
        instants = {field.name for field in schema if pa.types.is_timestamp(field.type)}
        assert {column for column in kinds if kinds[column].startswith("timestamp")} == instants
        assert {kinds[column] for column in instants} <= {"timestamp"}, "not timestamp_ntz"


def test_written_again_replaces(tmp_path):
    root = str(tmp_path)
    write_batch(root, merge_rows([rows("/a", "A", "1", 3, failures=2), rows("/b", "B", "1", 1)]))
    write_batch(root, rows("/a", "A", "2", 2))
    assert repetitions(root) == {("/a", "A", "2"): 2, ("/b", "B", "1"): 1}
    assert videos(root) == [("/a", "A", None), ("/b", "B", None)]
    assert read_rows(root, "failures") == []


def test_another_content_under_the_same_name_replaces_the_old_one(tmp_path):
    root = str(tmp_path)
    write_batch(root, rows("/a", "old", "1", 3))
    write_batch(root, rows("/a", "new", "2", 1))
    assert repetitions(root) == {("/a", "new", "2"): 1}
    assert videos(root) == [("/a", "new", None)]


def test_the_same_content_under_another_name_has_its_rows_once(tmp_path):
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 3))
    write_batch(root, rows("/b", "A", "2", 3))
    assert repetitions(root) == {("/b", "A", "2"): 3}
    assert videos(root) == [("/a", "A", "/b"), ("/b", "A", None)]


def test_a_copy_whose_first_name_gets_another_content_is_forgotten(tmp_path):
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 3, "/copy"))
    assert videos(root) == [("/a", "A", None), ("/copy", "A", "/a")]
    write_batch(root, rows("/a", "new", "2", 1))
    # its content has no rows any more, so it must not count as done
    assert videos(root) == [("/a", "new", None)]
    write_batch(root, rows("/copy", "A", "2", 3))
    assert repetitions(root) == {("/a", "new", "2"): 1, ("/copy", "A", "2"): 3}


def test_a_copy_that_becomes_a_video_of_its_own(tmp_path):
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 3, "/copy"))
    write_batch(root, rows("/copy", "C", "2", 1))
    assert repetitions(root) == {("/a", "A", "1"): 3, ("/copy", "C", "2"): 1}
    assert videos(root) == [("/a", "A", None), ("/copy", "C", None)]


def test_succession_leaves_strangers_alone():
    (new,) = rows("/a", "A", "2", 0)["videos"]
    stranger = {"uri": "/z", "video_id": "Z", "stamp": "s", "duplicate_of": None}
    assert succession([stranger], [new]) == ([new], set())


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("table", ["repetitions", "failures", "videos"])
def test_killed_while_it_replaces_a_video_does_not_count_as_done(tmp_path, monkeypatch, table):
    root = str(tmp_path)
    write_batch(root, merge_rows([rows("/a", "A", "1", 3), rows("/b", "B", "1", 1)]))
    replace = delta._replace

    def until_killed(at, data, where):
        if at.table_uri.rstrip("/").endswith(table):
            raise Killed
        return replace(at, data, where)

    monkeypatch.setattr(delta, "_replace", until_killed)
    with pytest.raises(Killed):
        write_batch(root, rows("/a", "A", "2", 2, failures=1))
    assert list(read_known(root)) == ["/b"]
    monkeypatch.setattr(delta, "_replace", replace)
    write_batch(root, rows("/a", "A", "3", 2))
    assert repetitions(root) == {("/a", "A", "3"): 2, ("/b", "B", "1"): 1}
    assert read_rows(root, "failures") == []


def test_whoever_writes_videos_last_leaves_its_own_rows_everywhere(tmp_path, monkeypatch):
    # another run slips in between this one's repetitions and its row of videos
    root = str(tmp_path)
    write_videos = delta._write_videos
    intruders = [rows("/a", "A", "other", 4, failures=1)]

    def interrupted(table, new):
        if intruders:
            write_batch(root, intruders.pop())
        write_videos(open_table(root, "videos"), new)

    monkeypatch.setattr(delta, "_write_videos", interrupted)
    write_batch(root, rows("/a", "A", "mine", 2))
    # the intruder's call came back through `interrupted` too, and is the one that wrote first
    assert repetitions(root) == {("/a", "A", "mine"): 2}
    assert read_rows(root, "failures") == []
    assert [row["run_id"] for row in read_rows(root, "videos")] == ["mine"]


def test_a_commit_holds_only_on_the_snapshot_it_was_computed_from(tmp_path):
    # different videos: delta-rs by itself would let both commits pass
    root = str(tmp_path)
    first, second = open_table(root, "videos"), open_table(root, "videos")
    delta._write_videos(first, rows("/a", "A", "1", 0)["videos"])
    with pytest.raises(CommitFailedError):
        delta._write_videos(second, rows("/b", "B", "1", 0)["videos"])


def test_conflicts_without_end_are_an_error(tmp_path, monkeypatch):
    def conflict(*_):
        raise CommitFailedError("a concurrent transaction")

    monkeypatch.setattr(delta.time, "sleep", lambda _: None)
    monkeypatch.setattr(delta, "_replace", conflict)
    with pytest.raises(delta.WriteConflictError, match="run fewer at a time"):
        write_batch(str(tmp_path), rows("/a", "A", "1", 1))


def test_failures_of_inputs_that_could_not_be_read(tmp_path):
    from repscore.transforms.records import Failure
    from repscore.transforms.tables.rows import RunStamp

    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 2))
    for run in ("2", "3"):
        failure = Failure("/a", None, "discover", "PermissionError", "cannot be read")
        other = Failure("/b", None, "discover", "PermissionError", "cannot be read")
        write_batch(root, rows_of_failures([failure, other], RunStamp(run, NOW, "c")))
    found = read_rows(root, "failures", ["uri", "run_id", "video_id"])
    assert sorted((row["uri"], row["run_id"]) for row in found) == [("/a", "3"), ("/b", "3")]
    assert repetitions(root) == {("/a", "A", "1"): 2}  # what was known stays
    write_batch(root, rows("/a", "A", "4", 2))
    # the null video_id of /b, in the same file, is not lost
    assert [row["uri"] for row in read_rows(root, "failures")] == ["/b"]


@pytest.mark.parametrize("name", ["it's here", '100% "é" {x}*? #', "x' OR '1'='1"])
def test_odd_names(tmp_path, name):
    root = str(tmp_path / name)
    other = rows("/other", "O", "1", 1)
    write_batch(root, merge_rows([rows(f"/{name}", name, "1", 1), other]))
    write_batch(root, rows(f"/{name}", name, "2", 2))
    assert repetitions(root) == {(f"/{name}", name, "2"): 2, ("/other", "O", "1"): 1}


@pytest.mark.parametrize("name", ["a[1]", "a%20b", "a\\b", "a|b", "a^b"])
def test_folders_that_delta_mistakes_are_refused(tmp_path, name):
    with pytest.raises(delta.UnusableRootError, match="choose another folder"):
        write_batch(str(tmp_path / name), rows("/a", "A", "1", 1))


@pytest.mark.parametrize("name", ["%20 [1] ^|\\", "'; DROP TABLE videos"])
def test_inputs_may_have_any_name(tmp_path, name):
    root = str(tmp_path)
    write_batch(root, merge_rows([rows(f"/{name}", name, "1", 1), rows("/other", "O", "1", 1)]))
    write_batch(root, rows(f"/{name}", name, "2", 2))
    assert repetitions(root) == {(f"/{name}", name, "2"): 2, ("/other", "O", "1"): 1}


def test_known_inputs(tmp_path):
    root = str(tmp_path)
    assert read_known(root) == {}
    assert not (tmp_path / "tables").exists(), "reading creates nothing"
    write_batch(root, rows("/a", "A", "config-1", 2, "/copy"))
    known = read_known(root)
    assert set(known) == {"/a", "/copy"}
    copy = known["/copy"]
    assert (copy.stamp, copy.fingerprint, copy.config, copy.size_bytes, copy.duplicate_of) == (
        "A stamp",
        "test:A",
        "config-1",
        7,
        "/a",
    )


def test_a_run_is_updated_not_repeated(tmp_path):
    root = str(tmp_path)
    append_run(root, {"run_id": "1", "started_at": NOW})
    append_run(root, {"run_id": "2", "started_at": NOW})
    append_run(root, {"run_id": "1", "started_at": NOW, "finished_at": NOW, "frames": 9})
    found = {row["run_id"]: row["frames"] for row in read_rows(root, "runs")}
    assert found == {"1": 9, "2": None}


def test_what_is_no_column_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="table runs has no column frame"):
        append_run(str(tmp_path), {"run_id": "1", "started_at": NOW, "frame": 3})


def test_not_a_number_is_written_as_null(tmp_path):
    append_run(str(tmp_path), {"run_id": "1", "started_at": NOW, "wall_s": float("nan")})
    assert read_rows(str(tmp_path), "runs")[0]["wall_s"] is None


def test_other_readers_open_the_tables_as_they_are(tmp_path):
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 3, failures=1))
    append_run(root, {"run_id": "1", "started_at": NOW})
    for name, schema in SCHEMAS.items():
        where = str(tmp_path / "tables" / name)
        fields = DeltaTable(where).schema().fields
        assert [field.name for field in fields] == schema.names
        assert all(field.metadata["comment"] for field in fields)
        assert pl.scan_delta(where).collect().columns == schema.names
    frame = pl.scan_delta(str(tmp_path / "tables" / "videos")).collect()
    assert frame["processed_at"].to_list() == [NOW]


@pytest.mark.parametrize(("days", "left"), [(1, 5), (0, 1)])
def test_compaction_keeps_the_rows_and_a_day_of_older_snapshots(tmp_path, days, left):
    """Four small files become one; they are removed where they are kept for no time at all."""
    root = str(tmp_path)
    for i in range(4):
        write_batch(root, rows(f"/{i}", f"c{i}", "1", 2))
    before, opened = repetitions(root), open_table(root, "repetitions")
    tend(root, days, always=True)
    assert len(open_table(root, "repetitions").file_uris()) == 1
    assert len(list((tmp_path / "tables" / "repetitions").glob("*.parquet"))) == left
    assert repetitions(root) == before
    if days:
        assert pa.table(opened.scan()).num_rows == 8, "who reads goes on reading"


if __name__ == "__main__":
    race(sys.argv[1], int(sys.argv[2]), sys.argv[3])


def test_a_table_of_an_older_version_gets_the_new_columns(tmp_path):
    """Made when `repetitions` had no `confidence` and the comments read otherwise."""
    now = SCHEMAS["repetitions"]
    older = pa.schema(
        [
            field.with_metadata({"comment": "said otherwise"})
            for field in now
            if field.name != "confidence"
        ]
    )
    DeltaTable.create(str(tmp_path / "tables" / "repetitions"), older)
    with pytest.MonkeyPatch.context() as then:
        then.setitem(delta.SCHEMAS, "repetitions", older)
        old = rows("a.mp4", "A", "first", 2)
        for row in old["repetitions"]:
            row.pop("confidence")
        write_batch(str(tmp_path), old)
    write_batch(str(tmp_path), rows("b.mp4", "B", "second", 1))
    found = read_rows(str(tmp_path), "repetitions", ("video_uri", "confidence"), None)
    confidences = sorted((row["video_uri"], row["confidence"]) for row in found)
    assert confidences == [("a.mp4", None), ("a.mp4", None), ("b.mp4", 0.5)]


def test_inputs_of_an_older_version_are_known_without_the_new_columns(tmp_path):
    """Made when `videos` did not say when an input arrived."""
    new = ("arrived_at", "recorded_at")
    older = pa.schema([field for field in SCHEMAS["videos"] if field.name not in new])
    DeltaTable.create(str(tmp_path / "tables" / "videos"), older)
    with pytest.MonkeyPatch.context() as then:
        then.setitem(delta.SCHEMAS, "videos", older)
        then.setattr(delta, "named", lambda first, name: {**first, "uri": name.uri})
        write_batch(str(tmp_path), rows("a.mp4", "A", "first", 1))
    assert read_known(str(tmp_path))["a.mp4"].arrived_at is None
    second = rows("b.mp4", "B", "second", 1)
    second["videos"][0]["arrived_at"] = NOW
    write_batch(str(tmp_path), second)
    known = read_known(str(tmp_path))
    assert (known["a.mp4"].arrived_at, known["b.mp4"].arrived_at) == (None, NOW)
