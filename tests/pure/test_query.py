import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from repscore.pipelines.query import (
    QueryError,
    connect,
    format_table,
    in_words,
    plain,
    query,
    run_query,
)
from repscore.transforms.tables import delta
from repscore.transforms.tables.delta import append_run
from repscore.transforms.tables.schemas import SCHEMAS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def dataset(tmp_path):
    """Two runs, of 1.5 s and 2.5 s, in a folder with an odd name."""
    folder = tmp_path / "it's 100% {odd} é?"
    append_run(str(folder), {"run_id": "1", "started_at": NOW, "wall_s": 1.5})
    append_run(str(folder), {"run_id": "2", "started_at": NOW, "wall_s": 2.5, "frames": 7})
    return str(folder)


def write_poses(root, version: str, landmarks: int, frames: int) -> None:
    """One file as the pose store has it: in the last frame nobody is seen."""
    nobody = pa.array([i == frames - 1 for i in range(frames)])
    values = pa.array(np.arange(frames * landmarks, dtype=np.float32))
    lists = pa.FixedSizeListArray.from_arrays(values, landmarks, mask=nobody)
    columns = {
        "video_id": pa.array(["abcd"] * frames),
        "segment": pa.array([0] * frames, pa.int32()),
        "frame_time_s": pa.array([i / 10 for i in range(frames)]),
        "person": pa.array([0] * (frames - 1) + [None], pa.int32()),
    }
    names = ("x", "y", "z", "world_x", "world_y", "world_z", "visibility")
    folder = root / "poses" / version / "ab" / "abcd"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns | dict.fromkeys(names, lists)), folder / "0.parquet")


def printed(root: str, sql: str, **options) -> str:
    out = io.StringIO()
    run_query(root, sql, out=out, **options)
    return out.getvalue()


def test_tables_are_views(dataset):
    assert query(dataset, "SELECT sum(wall_s), count(*) FROM runs").fetchall() == [(4.0, 2)]


def test_tables_that_are_not_there_yet_are_empty_and_have_their_columns(tmp_path):
    connection = connect(str(tmp_path), poses=True)
    for name, schema in SCHEMAS.items():
        found = connection.sql(f"SELECT * FROM {name}")
        assert found.columns == schema.names
        assert found.fetchall() == []
    poses = connection.sql("SELECT person, x[1], visibility, pose_version FROM poses")
    assert poses.fetchall() == []
    assert list(tmp_path.iterdir()) == []


def test_types_of_an_empty_table_are_those_of_a_full_one(tmp_path, dataset):
    sql = "SELECT * FROM runs"
    assert query(str(tmp_path), sql).types == query(dataset, sql).types


@pytest.mark.parametrize("name", ["plain", "it's {odd} * ?"])
def test_poses_of_several_estimators(tmp_path, name):
    root = tmp_path / name
    write_poses(root, "mediapipe-full", landmarks=33, frames=3)
    write_poses(root, "openpose", landmarks=25, frames=2)
    sql = "SELECT pose_version, count(*), count(person), max(len(x)) FROM Poses GROUP BY 1"
    assert sorted(query(str(root), sql).fetchall()) == [
        ("mediapipe-full", 3, 2, 33),
        ("openpose", 2, 1, 25),
    ]


def test_a_table_that_an_older_version_began_has_all_columns(tmp_path):
    """Its first files lack two columns of the latest one."""
    new = ("frames", "wall_s")
    older = pa.schema([field for field in SCHEMAS["runs"] if field.name not in new])
    DeltaTable.create(str(tmp_path / "tables" / "runs"), older)
    with pytest.MonkeyPatch.context() as then:
        then.setitem(delta.SCHEMAS, "runs", older)
        append_run(str(tmp_path), {"run_id": "1", "started_at": NOW})
    append_run(str(tmp_path), {"run_id": "2", "started_at": NOW, "frames": 7})
    found = query(str(tmp_path), "SELECT run_id, frames FROM runs ORDER BY 1")
    assert found.fetchall() == [("1", None), ("2", 7)]


def test_columns_that_came_later_are_empty_in_a_dataset_of_an_older_version(tmp_path):
    folder = tmp_path / "tables" / "runs"
    older = pa.table({"run_id": ["1"], "wall_s": [1.5]})
    write_deltalake(str(folder), older)

    assert query(str(tmp_path), "SELECT wall_s, frames FROM runs").fetchall() == [(1.5, None)]


def test_instants_are_utc(dataset):
    assert printed(dataset, "SELECT DISTINCT started_at::VARCHAR FROM runs").splitlines()[1] == (
        "2026-01-02 03:04:05+00"
    )


def test_plain_output_is_tab_separated(dataset):
    sql = "SELECT run_id, wall_s, frames, 'a\tb' AS odd FROM runs ORDER BY 1"
    assert printed(dataset, sql) == (
        'run_id\twall_s\tframes\todd\n1\t1.5\t\t"a\tb"\n2\t2.5\t7\t"a\tb"\n'
    )


def test_json_output(dataset):
    sql = "SELECT run_id, started_at, frames, [1.5, 'nan'::DOUBLE] AS l FROM runs ORDER BY 1"
    assert json.loads(printed(dataset, sql, as_json=True)) == [
        {"run_id": "1", "started_at": NOW.isoformat(), "frames": None, "l": [1.5, None]},
        {"run_id": "2", "started_at": NOW.isoformat(), "frames": 7, "l": [1.5, None]},
    ]
    assert json.loads(printed(dataset, "SELECT * FROM sets", as_json=True)) == []


def test_on_a_terminal_it_is_a_table(dataset, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")  # no colours

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    run_query(dataset, "SELECT run_id, wall_s FROM runs ORDER BY 1", out=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["run_id", "wall_s"], ["1", "1.50"], ["2", "2.50"]]


def test_a_long_table_says_that_it_is_cut():
    table = format_table(["n"], ([n] for n in range(9)), most=3)
    assert table.row_count == 3
    assert "first 3 rows" in str(table.caption)
    assert format_table(["n"], ([n] for n in range(3)), most=3).caption is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT score FROM reps",
        "SELECT nothing FROM runs",
        "SELEC 1",
        "SELECT\n\n1 +",
        "SELECT run_id::INT + 'x'::INT FROM runs",
        "SELECT CASE WHEN i = 99999 THEN error('late') END FROM range(100000) t(i)",
    ],
)
def test_wrong_sql_is_one_line_that_names_the_tables(dataset, sql):
    with pytest.raises(QueryError) as error:
        run_query(dataset, sql, out=io.StringIO())
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith("(tables: runs, videos, repetitions, sets, feedback, failures, poses)")


def test_no_dataset(tmp_path):
    with pytest.raises(QueryError, match="no dataset"):
        query(str(tmp_path / "nowhere"), "SELECT 1")


def test_no_statement_prints_nothing(dataset):
    assert printed(dataset, " ") == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, ""), (2.0, "2.00"), (3, "3"), ([1, 2, 3, 4, 5], "[1, 2, 3, … 5]"), ("a", "a")],
)
def test_in_words(value, words):
    assert in_words(value) == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("inf"), None),
        (Decimal(12), 12),
        (Decimal("1.5"), 1.5),
        (timedelta(seconds=90), 90.0),
        (b"\x01\xff", "01ff"),
        ({"a": [NOW, float("nan")]}, {"a": [NOW.isoformat(), None]}),
        (True, True),
    ],
)
def test_plain(value, expected):
    assert plain(value) == expected
