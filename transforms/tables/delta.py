"""The tables on disk: Delta Lake through delta-rs, on local paths and object-store URLs alike.

How a batch stays whole without a lock or a server. Delta commits are atomic per table, so:

1. `videos` is the table that counts. Rows of `videos` that are about to be replaced are removed
   first, the other tables follow, the new rows of `videos` come last: an input with a row there is
   complete, and what a killed run left behind is done again and replaced.
2. Every commit holds only on the snapshot that it was computed from (no commit retries inside
   delta-rs): where another process committed in between, it is computed again, after a random
   pause. Left to itself delta-rs also refuses a commit whose predicate touches rows that came in
   between, but what is removed here depends on rows outside the predicate too.
3. Two processes may still take turns table by table. So whoever has put the row into `videos`
   looks, if other commits came in between, whether the other tables hold its rows, and writes
   again if not: the last one to write `videos` leaves its rows in all tables.

A commit is an object that is put only where no other has its name, on every store; delta-rs's
renames on S3, which two writers can both win, are never allowed.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from repscore.transforms.errors import words_of
from repscore.transforms.files import OutsideDataset, inside, join, local_path
from repscore.transforms.records import Known, Name
from repscore.transforms.storage import delta_options
from repscore.transforms.tables.rows import Row, Rows, named
from repscore.transforms.tables.schemas import DESCRIPTIONS, SCHEMAS

CHILDREN: Final = ("repetitions", "sets", "feedback", "failures")
_ATTEMPTS: Final = 25
HISTORY_DAYS: Final = 8
"""A week of nights, and the one before: `diff` looks back as far."""
HISTORY: Final = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")
"""Properties of a table: how long a reader may go on with the snapshot that it has opened."""

ON_THIS_SNAPSHOT: Final = CommitProperties(max_commit_retries=0)
_T = TypeVar("_T")


class WriteConflictError(RuntimeError):
    """Other processes kept committing to the same tables."""


class UnusableRootError(ValueError):
    """A place where a dataset cannot be kept, or whose tables cannot be read or trusted."""


def check_root(root: str) -> None:
    """Raises UnusableRootError for a local folder that delta-rs 1.6.6 would take for another."""
    path = local_path(root)
    odd = re.search(r"[\[\]\\^|]|%[0-9A-Fa-f]{2}", str(path.absolute())) if path else None
    if odd:
        raise UnusableRootError(
            f"{root}: tables cannot be kept below a path with {odd.group()!r} (nor with any of "
            "[ ] \\ ^ | or a percent sign and two hexadecimal digits): choose another folder"
        )


def table_files(root: str, name: str) -> list[str]:
    """The Parquet files of a table's newest snapshot; none where it is missing."""
    table = find_table(root, name)
    # `file_uris` escapes local names too; tables are not partitioned, so the last part will do.
    names = [uri.rpartition("/")[2] for uri in table.file_uris()] if table else []
    return [join(root, "tables", name, file) for file in names]


def open_table(root: str, name: str) -> DeltaTable:
    """The newest snapshot of a table; the table is created, with all columns, where it is missing.

    Raises:
        WriteConflictError: it could neither be opened nor created.
        UnusableRootError: its log names files elsewhere.
    """
    uri = _location(root, name)
    error: DeltaError | None = None
    for _ in _pauses():
        try:
            return _own(DeltaTable(uri, storage_options=delta_options(uri)), root)
        except TableNotFoundError:
            try:
                return DeltaTable.create(
                    uri,
                    SCHEMAS[name],
                    storage_options=delta_options(uri),
                    name=name,
                    description=DESCRIPTIONS[name],
                    configuration=dict.fromkeys(HISTORY, f"interval {HISTORY_DAYS} days"),
                )
            except DeltaError as lost_race:
                error = lost_race
    raise WriteConflictError(f"table {uri} can neither be opened nor created") from error


def find_table(root: str, name: str) -> DeltaTable | None:
    """The newest snapshot of a table, None where it is missing: reading creates nothing.

    Raises UnusableRootError where its log is damaged.
    """
    uri = _location(root, name)
    try:
        return _own(DeltaTable(uri, storage_options=delta_options(uri)), root)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise UnusableRootError(
            f"{uri}: the table cannot be read ({reason_of(error)}): restore the dataset, or score "
            "anew into another folder"
        ) from error
    except OSError as error:
        raise UnusableRootError(f"{uri}: the table cannot be read: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """What delta-rs says, in one line: its tree of causes, or the line before a backtrace."""
    text = str(error)
    return words_of(error) if "↳" in text else text.partition("\n")[0]


def _own(table: DeltaTable, root: str) -> DeltaTable:
    """The table, if its files lie in its folder: delta-rs follows a log that leads elsewhere.

    Raises UnusableRootError for any other, and for features (vectors of deletions) that may.
    """
    try:
        inside(root, *map(str, pa.table(table.get_add_actions())["path"].to_pylist()))
    except OutsideDataset as error:
        raise UnusableRootError(str(error)) from error
    if table.protocol().min_reader_version > 1:
        raise UnusableRootError(
            f"{root}: expected tables that any reader of Delta Lake reads (version 1), found "
            f"version {table.protocol().min_reader_version} of table {table.metadata().name}: "
            "make the dataset again from its inputs"
        )
    return table


def read_rows(
    root: str, name: str, columns: Collection[str] | None = None, where: str | None = None
) -> list[dict[str, Any]]:
    """Rows of a table that fulfil an SQL condition; only the named columns are read."""
    table = find_table(root, name)
    return _scan(table, columns, where) if table else []


def check_tables(root: str) -> None:
    """Raises UnusableRootError where a table cannot be read, or its log leads elsewhere."""
    for name in SCHEMAS:
        find_table(root, name)


def read_known(root: str, *, failed: bool = False) -> dict[str, Known]:
    """What the dataset holds of each input, by URI; of those to be tried again if asked."""
    columns = [field.name for field in fields(Known)]
    again = set() if failed else {row["video_id"] for row in _failed_for_now(root)}
    rows = read_rows(root, "videos", [*columns, "video_id"])
    known = {row["uri"]: row for row in rows if row.pop("video_id") not in again}
    return {uri: Known(**row) for uri, row in known.items()}


def _failed_for_now(root: str) -> list[dict[str, Any]]:
    """Failures that may have passed."""
    table = find_table(root, "failures")
    if table is None or "kind" not in {field.name for field in table.schema().fields}:
        return []
    return _scan(table, ("video_id",), "kind IN ('transient', 'missing')")


def append_run(root: str, row: Row) -> None:
    """Adds a row to `runs`; a row of the same run is replaced, so that a run can be updated."""
    where = f"run_id IN ({quoted([row['run_id']])})"
    on_newest(root, "runs", lambda table: _replace(table, arrow_of("runs", [row]), where))


def write_batch(root: str, rows: Rows) -> None:
    """Replaces everything that the tables hold of a batch's inputs: one commit per table.

    An input is replaced by URI, a content by `video_id`: the rows of an older content under the
    same name go, and so do rows of the same content under another name, which becomes a duplicate.
    Rows of `failures` without a row of `videos` replace failures of the same URI only.

    Exactly once per (input, run): repeated, resumed and raced calls leave one set of rows.

    Raises:
        WriteConflictError: other processes kept committing; nothing is lost, write again.
    """
    for _ in _pauses():
        videos = _withdraw(root, rows.get("videos", ()))
        replaced = {**rows, "videos": videos}
        versions = {name: _write_child(root, name, replaced) for name in CHILDREN}
        on_newest(root, "videos", lambda table, new=videos: _write_videos(table, new))  # type: ignore[misc]
        if all(_is_written(root, name, replaced, at) for name, at in versions.items()):
            return
    raise WriteConflictError(
        f"other processes kept replacing the same inputs under {root}: run one at a time"
    )


def succession(
    existing: Sequence[Mapping[str, Any]], new: Sequence[Row]
) -> tuple[list[Row], set[str]]:
    """How the rows of `videos` change when `new` ones are written.

    Args:
        existing: uri, video_id, stamp, duplicate_of, arrived_at of the rows that are there.
        new: rows of the batch.

    Returns:
        The rows to write, and the URIs whose present rows go. A present row of a content that now
        has its rows under another name becomes a duplicate of that name; a duplicate whose first
        name gets another content goes, since the rows of its content go: the next run adds it.
    """
    uris = {row["uri"] for row in new}
    first = {row["video_id"]: row for row in new if row["duplicate_of"] is None}
    gone = {row["uri"] for row in existing if row["uri"] in uris}
    moved = []
    for row in existing:
        if row["uri"] in uris:
            continue
        if row["video_id"] in first:
            name = Name(row["uri"], row["stamp"], row.get("arrived_at"))
            moved.append(named(first[row["video_id"]], name))
            gone.add(row["uri"])
        elif row["duplicate_of"] in uris:
            gone.add(row["uri"])
    return [*new, *moved], gone


def _location(root: str, name: str) -> str:
    check_root(root)
    return join(root, "tables", name)


def _withdraw(root: str, new: Sequence[Row]) -> Sequence[Row]:
    """Removes the rows of `videos` that will be replaced; returns the ones to write in the end."""

    def act(table: DeltaTable) -> Sequence[Row]:
        rows, gone = succession(_touched(table, new), new)
        if gone:
            where = f"uri IN ({quoted(gone)})"
            table.delete(where, commit_properties=ON_THIS_SNAPSHOT)
        return rows

    return on_newest(root, "videos", act) if new else new


def _write_child(root: str, name: str, rows: Rows) -> int:
    where = _of_batch(name, rows)
    data = arrow_of(name, rows.get(name, ()))
    return on_newest(root, name, lambda table: _replace(table, data, where) if where else -1)


def _write_videos(table: DeltaTable, new: Sequence[Row]) -> None:
    if new:
        rows, gone = succession(_touched(table, new), new)
        uris = gone | {row["uri"] for row in rows}
        _replace(table, arrow_of("videos", rows), f"uri IN ({quoted(uris)})")


def _is_written(root: str, name: str, rows: Rows, version: int) -> bool:
    """Whether a table holds this batch's rows of the videos whose row in `videos` is from it."""
    table = open_table(root, name)
    if table.version() == version:
        return True
    first = [row for row in rows.get("videos", ()) if row["duplicate_of"] is None]
    if not first:
        return True
    columns = ("video_id", "run_id")
    written = {(row["video_id"], row["run_id"]) for row in first}
    ids = f"video_id IN ({quoted(row['video_id'] for row in first)})"
    won = {
        row["video_id"]
        for row in read_rows(root, "videos", columns, f"{ids} AND duplicate_of IS NULL")
        if (row["video_id"], row["run_id"]) in written
    }
    rows_there, rows_expected = _scan(table, columns, ids), rows.get(name, ())
    return _count(rows_there, won) == _count(rows_expected, won)


def _count(rows: Sequence[Row], video_ids: Collection[str]) -> Counter[tuple[str, str]]:
    return Counter((r["video_id"], r["run_id"]) for r in rows if r["video_id"] in video_ids)


def _replace(table: DeltaTable, data: pa.Table, where: str) -> int:
    """Rows that fulfil `where` go, `data` comes, in one commit; returns the table's version."""
    if data.num_rows or _scan(table, data.column_names[:1], where):
        write_deltalake(
            table,
            _for_table(table, data),
            mode="overwrite",
            predicate=where,
            schema_mode="merge",
            commit_properties=ON_THIS_SNAPSHOT,
        )
    return table.version()


def _for_table(table: DeltaTable, data: pa.Table) -> pa.Table:
    """Rows for a table that an older version may have made.

    A column that it lacks is added, null in the rows that are there; what its comments say stays,
    since delta-rs refuses other ones.
    """
    known = {field.name for field in table.schema().fields}
    schema = pa.schema(
        [
            field.remove_metadata() if field.name in known else field.with_nullable(True)
            for field in data.schema
        ]
    )
    return pa.Table.from_arrays(data.columns, schema=schema)


def _touched(table: DeltaTable, new: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows of `videos` that concern the batch."""
    uris = quoted(row["uri"] for row in new)
    ids = quoted(row["video_id"] for row in new)
    where = f"uri IN ({uris}) OR duplicate_of IN ({uris}) OR video_id IN ({ids})"
    return _scan(table, ("uri", "video_id", "stamp", "duplicate_of", "arrived_at"), where)


def _of_batch(name: str, rows: Rows) -> str:
    """The condition on a table's rows that this batch replaces; empty where there is nothing."""
    videos = rows.get("videos", ())
    uris = {row["uri"] for row in videos}
    ids = {row["video_id"] for row in videos if row["duplicate_of"] is None}
    column = "video_uri"
    if name == "failures":
        column = "uri"
        uris |= {row["uri"] for row in rows.get("failures", ())}
    clauses = [f"{column} IN ({quoted(uris)})"] if uris else []
    return " OR ".join(clauses + ([f"video_id IN ({quoted(ids)})"] if ids else []))


def _scan(
    table: DeltaTable, columns: Collection[str] | None, where: str | None
) -> list[dict[str, Any]]:
    # Not `to_pyarrow_dataset`: with it, one process in twelve aborted on exit (pyarrow 25.0.1,
    # threads of pyarrow that call a Python file system while the interpreter goes down).
    # A column that an older version did not write is left out of the rows.
    there = [field.name for field in table.schema().fields if columns and field.name in columns]
    reader = table.scan(columns=there or None, predicate=where)
    rows: list[dict[str, Any]] = pa.table(reader).to_pylist()
    return rows


def arrow_of(name: str, rows: Sequence[Row]) -> pa.Table:
    """Rows as a table of its schema; NaN becomes null."""
    schema = SCHEMAS[name]
    unknown = {key for row in rows for key in row} - set(schema.names)
    if unknown:
        raise ValueError(f"table {name} has no column {', '.join(sorted(unknown))}")
    columns = [
        pa.array([row.get(field.name) for row in rows], field.type, from_pandas=True)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def quoted(texts: Collection[str] | Iterator[str]) -> str:
    """Texts as SQL strings, sorted, for `IN (...)`."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in sorted(set(texts)))


def on_newest(root: str, name: str, act: Callable[[DeltaTable], _T]) -> _T:
    """Does something on the newest snapshot, again while other commits come in between."""
    error: CommitFailedError | None = None
    for _ in _pauses():
        try:
            return act(open_table(root, name))
        except CommitFailedError as conflict:
            error = conflict
    raise WriteConflictError(
        f"table {name} under {root}: {_ATTEMPTS} commits in a row failed, the last with {error}; "
        "where other processes write to it, run fewer at a time"
    ) from error


def _pauses() -> Iterator[None]:
    """Attempts, with random pauses between them: up to 20 ms, doubling to 2 s."""
    for attempt in range(_ATTEMPTS):
        yield
        time.sleep(random.uniform(0, min(2.0, 0.02 * 2**attempt)))  # noqa: S311
