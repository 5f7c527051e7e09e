"""SQL for warehouses fits the tables and agrees between dialects; the dbt project builds."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from infra_copies import broken

from infra import check
from repscore.pipelines.query import connect
from repscore.transforms.tables.schemas import SCHEMAS

FOLDER = check.HERE / "warehouses"
DIALECTS = sorted(path.parent.name for path in FOLDER.glob("*/queries.sql"))
PAGE = check.HERE.parent / "docs" / "warehouses.md"
MARTS = ("person_weeks", "exercises", "quality_trend", "failure_causes", "cost_per_video_hour")
PERSON = "/([0-9])-[^/]*$"


def tool(name: str, program: str) -> Path:
    if not check.installed(name):
        pytest.skip(f"{name} not installed: run `make infra`")
    return check.tool_folder(name) / "bin" / program


@pytest.mark.parametrize(
    ("file", "old", "new", "checker"),
    [
        ("bigquery/setup.sql", "WITH CONNECTION", "WITH CONECTION", "sqlfluff"),
        ("clickhouse/tables.sql", "ENGINE =", "ENGIN =", "sqlfluff"),
        ("dbt/models/exercises.sql", "COUNT(*) AS repetitions,", "COUNT(*) AS", "sqlfluff"),
        ("snowflake/tables.sql", "BASE_LOCATION =", "BASE_LOCATION", "sqlglot"),
        ("databricks/tables.sql", "USING DELTA", "USING", "sqlglot"),
        ("trino/queries.sql", "GROUP BY exercise", "GROUP exercise", "sqlglot"),
        ("duckdb/setup.sql", "TYPE GCS", "TYPE", "DuckDB's parser"),
        ("dbt/models/marts.yml", "name: exercises", "name: exercise", "dbt parse"),
        ("dbt/profiles.yml", "type: duckdb", "type: duck", "dbt parse"),
    ],
)
def test_a_wrong_field_fails(tmp_path: Path, file: str, old: str, new: str, checker: str) -> None:
    broken(tmp_path, f"warehouses/{file}", old, new, checker=checker)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_table_is_made(dialect: str) -> None:
    files = [FOLDER / dialect / name for name in ("setup.sql", "tables.sql")]
    lines = [file.read_text("utf-8").splitlines() for file in files if file.exists()]
    text = "\n".join(line for some in lines for line in some if not line.startswith("--"))
    names = re.findall(r"\bTABLE IF NOT EXISTS repscore\.(\w+)|VIEW repscore\.(\w+)", text)
    names += re.findall(r"\btable_name => '(\w+)'()", text)

    assert sorted(table or view for table, view in names) == sorted(SCHEMAS)
    ends = re.findall(r"(?:dataset/tables/|BASE_LOCATION = ')(\w+)'", text)
    assert ends == [table or view for table, view in names], "the table is in its own folder"


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "duckdb"])
def test_queries_of_a_dialect_give_the_rows_of_the_others(dialect: str, night: Any) -> None:
    connection = connect(str(night.dataset))
    expected = [connection.sql(query).fetchall() for query in _for_duckdb("duckdb")]

    assert [connection.sql(query).fetchall() for query in _for_duckdb(dialect)] == expected
    assert len(expected[0]) > 1
    assert expected[1][0][1:3] == (13, 1), "inputs, failed ones"


def _for_duckdb(dialect: str) -> list[str]:
    command = [tool("sqlglot", "python"), "check_sql.py", f"{dialect}/queries.sql"]
    done = subprocess.run(
        [*command, "--to-duckdb"], cwd=FOLDER, capture_output=True, text=True, check=True
    )
    return list(json.loads(done.stdout))


def build(dataset: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`dbt build`, its database in `folder`."""
    environment = os.environ | {
        "REPSCORE_DATASET": str(dataset),
        "REPSCORE_MARTS": str(folder / "marts.duckdb"),
        "DO_NOT_TRACK": "1",
    }
    variables = json.dumps({"person_pattern": PERSON, "run_hour_price": 2.0})
    command = [tool("dbt", "dbt"), "--no-use-colors", "build", "--vars", variables]
    places = ["--profiles-dir", ".", "--target-path", folder, "--log-path", folder]
    return subprocess.run(
        [*command, *places],
        cwd=FOLDER / "dbt",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def markdown(result: duckdb.DuckDBPyRelation) -> str:
    """The first rows as the page shows them."""
    rows = [
        ["" if value is None else str(value) for value in row] for row in result.limit(4).fetchall()
    ]
    lines = [result.columns, ["---"] * len(result.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_the_marts_are_built_and_the_page_shows_their_first_rows(
    night: Any, tmp_path: Path
) -> None:
    done = build(night.dataset, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "ERROR=0 SKIP=0" in done.stdout

    marts = duckdb.connect(str(tmp_path / "marts.duckdb"), read_only=True)
    page = PAGE.read_text("utf-8")
    for mart in MARTS:
        rows = marts.sql(f"SELECT * FROM {mart}")
        if mart == "failure_causes":  # the message names a folder of the test
            rows = rows.project("* EXCLUDE (last_at, example)")
        shown = re.sub(r"\d{4}-\d\d-\d\d", "2026-11-30", markdown(rows))
        if mart == "cost_per_video_hour":  # the hours are the machine's
            shown = shown.partition("| 0.")[0]
        assert shown in page, f"{mart}:\n{shown}"
    (cost,) = marts.sql("SELECT run_hours, cost FROM cost_per_video_hour").fetchall()
    assert cost[1] == pytest.approx(2 * cost[0], abs=1e-3)


def test_a_row_out_of_range_fails_the_build(night: Any, tmp_path: Path) -> None:

    dataset = tmp_path / "dataset"
    shutil.copytree(night.dataset, dataset)
    DeltaTable(dataset / "tables" / "repetitions").update({"score": "101.0"})

    done = build(dataset, tmp_path)

    assert done.returncode == 1
    assert "FAIL 20 source_in_range_repscore_repetitions_score__0__100" in done.stdout
