"""SQL over a dataset: its tables and its poses by name, through DuckDB."""

import csv
import glob
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

import duckdb
import pyarrow as pa
from rich.table import Table
from rich.text import Text

from repscore.pipelines.progress import console
from repscore.pipelines.terminal import printable
from repscore.transforms.files import join, local_path
from repscore.transforms.pose_columns import SCHEMA as POSE_COLUMNS
from repscore.transforms.storage import StoreUnusable, file_system
from repscore.transforms.tables.delta import UnusableRootError, table_files
from repscore.transforms.tables.schemas import SCHEMAS

TABLES: Final = (*SCHEMAS, "poses")
_SHOWN: Final = 200
_POSES: Final = POSE_COLUMNS.append(pa.field("pose_version", pa.string()))


class QueryError(ValueError):
    """The SQL cannot be run, or there is no dataset; the message is one line."""


def connect(root: str, *, poses: bool = False) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the dataset's tables as views, and its poses if asked for.

    A view of what is not there yet has its columns and no rows. The view of the poses looks into
    every file of the pose store.

    Raises:
        QueryError: no dataset at `root`, or a damaged one.
    """
    path = local_path(root)
    if path is not None and not path.is_dir():
        raise QueryError(f"{root}: no dataset, expected a folder made by `repscore score`")
    connection = duckdb.connect()
    # Extensions are downloads: what needs one shall fail and say so.
    connection.execute("SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'")
    try:
        if path is None:
            connection.register_filesystem(file_system(root)[0])
        files = {name: table_files(root, name) for name in SCHEMAS}
        if path is None and not any(files.values()):
            raise QueryError(f"{root}: no dataset, expected one made by `repscore score`")
        for name, schema in SCHEMAS.items():
            view(connection, name, files[name], schema)
        if poses:
            view(connection, "poses", _pose_files(root), _POSES)
    except (UnusableRootError, StoreUnusable) as error:
        raise QueryError(str(error)) from error
    except duckdb.Error as error:
        raise _explained(error) from error
    return connection


def query(root: str, sql: str) -> duckdb.DuckDBPyRelation | None:
    """The result of SQL over runs, videos, repetitions, sets, feedback, failures and poses.

    Rows are computed when they are read. None where the SQL holds no statement.

    Raises:
        QueryError: wrong SQL, or no dataset at `root`.
    """
    connection = connect(root, poses=re.search(r"\bposes\b", sql, re.IGNORECASE) is not None)
    try:
        return connection.sql(sql)
    except duckdb.Error as error:
        raise _explained(error) from error


def run_query(root: str, sql: str, *, as_json: bool = False, out: TextIO | None = None) -> None:
    """Prints the result of SQL: a table on a terminal, else tab-separated values, or JSON.

    JSON is an array with one object per row. Raises QueryError.
    """
    target = sys.stdout if out is None else out
    result = query(root, sql)
    if result is None:
        return
    rows = rows_of(result)
    if as_json:
        write_json(result.columns, rows, target)
    elif target.isatty():
        console(target).print(format_table(result.columns, rows))
    else:
        write_tsv(result.columns, rows, target)


def format_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], most: int = _SHOWN
) -> Table:
    """Rows for a terminal; of more than `most`, the first, and a caption that says so."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for count, row in enumerate(rows):
        if count == most:
            table.caption = f"the first {most} rows; write to a file or use LIMIT for others"
            break
        table.add_row(*(Text(in_words(value), justify=_side(value)) for value in row))
    return table


def write_tsv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """A line of column names, then a line per row; null is empty."""
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if value is None else _flat(plain(value)) for value in row)


def write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """An array with one object per row, a line each."""
    separator = "["
    for row in rows:
        record = {name: plain(value) for name, value in zip(columns, row, strict=True)}
        out.write(f"{separator}\n{printable(json.dumps(record, ensure_ascii=False))}")
        separator = ","
    out.write("[]\n" if separator == "[" else "\n]\n")


def in_words(value: object) -> str:
    """A value as a person reads it: two decimals, whole seconds, long lists cut."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list) and len(value) > 4:
        return f"[{', '.join(map(in_words, value[:3]))}, … {len(value)}]"
    return printable(str(_flat(plain(value))))


def plain(value: Any) -> Any:
    """A value as JSON has it; NaN and infinity are null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _side(value: object) -> Any:
    return "right" if isinstance(value, int | float | Decimal) else "left"


def rows_of(result: duckdb.DuckDBPyRelation) -> Iterator[Sequence[Any]]:
    """Rows, computed as they are read; an error of theirs is a QueryError."""
    try:
        for batch in result.to_arrow_reader(10_000):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except (duckdb.Error, OSError) as error:  # OSError: how Arrow hands on DuckDB's
        raise _explained(error) from error


def view(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[str], schema: pa.Schema
) -> None:
    """Make a view over Parquet files; of none it has the columns of the schema and no rows."""
    if not files:
        connection.register(name, schema.empty_table())
        return
    names = ", ".join("'" + glob.escape(file).replace("'", "''") + "'" for file in files)
    if name == "poses":  # poses/<pose version>/<aa>/<video id>/<segment>.parquet
        read = f"read_parquet([{names}], union_by_name = true, filename = true)"
        version = r"split_part(replace(filename, '\', '/'), '/', -4) AS pose_version"
        connection.execute(
            f"CREATE VIEW {name} AS SELECT * EXCLUDE (filename), {version} FROM {read}"
        )
        return
    # A dataset of an older version has columns that came later, too: empty ones.
    connection.register(f"no_{name}", schema.empty_table())
    connection.execute(
        f"CREATE VIEW {name} AS SELECT * FROM no_{name} UNION ALL BY NAME "
        f"SELECT * FROM read_parquet([{names}], union_by_name = true)"
    )


def _pose_files(root: str) -> list[str]:
    folder = join(root, "poses")
    path = local_path(folder)
    if path is not None:
        return sorted(str(file) for file in Path(path).rglob("*.parquet"))
    files, name = file_system(folder)
    return [
        str(files.unstrip_protocol(file)) for file in sorted(files.glob(f"{name}/**/*.parquet"))
    ]


def _explained(error: Exception) -> QueryError:
    what = " ".join(re.split(r"\n\s*LINE \d+:", str(error))[0].split())
    return QueryError(f"{what} (tables: {', '.join(TABLES)})")
