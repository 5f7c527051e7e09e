"""Upkeep of the tables: few files, and an end to history.

Every commit adds a small file to a table, and every replaced row leaves a file that only older
snapshots use. Both are merged and removed where that pays, at the end of a run and in `maintain`.

Safe beside other runs and readers. A merge holds only on the snapshot that it was computed from,
like every commit. A file goes only when no snapshot of the days that are kept uses it, and a file
that belongs to no snapshot when it is as old: so a reader has days for the snapshot that it opened,
and a writer for the file that it has not committed yet.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from repscore.transforms.files import FoundFile, files_below, join
from repscore.transforms.tables.delta import (
    HISTORY,
    HISTORY_DAYS,
    ON_THIS_SNAPSHOT,
    WriteConflictError,
    find_table,
    on_newest,
)
from repscore.transforms.tables.schemas import SCHEMAS

WATCHED_HISTORY_DAYS: Final = 1
"""`watch` may commit every five seconds; a week of that would be 100,000 files in each log."""
_MOST_SMALL: Final = 20
"""Files of 2,000 inputs at which a query took twice as long as with one (2.1, local disk)."""
_SMALL_BYTES: Final = 32 << 20
_MOST_DEAD: Final = 20
"""Removing leaves two entries in the log, however many files go."""


@dataclass(frozen=True)
class TableState:
    """The files of a table.

    Attributes:
        live: those of the newest snapshot.
        history: those that older snapshots use, and those of unfinished writes.
        expired: the part of `history` that is older than what is kept; by name in the table.
        log: entries and checkpoints.
    """

    live: tuple[FoundFile, ...]
    history: tuple[FoundFile, ...]
    expired: tuple[FoundFile, ...]
    log: tuple[FoundFile, ...]


def tend(root: str, days: int = HISTORY_DAYS, *, always: bool = False) -> None:
    """Merge the small files of each table, and remove those that no kept snapshot uses.

    Without `always` only where a table has enough of them. `days` is how long history is kept from
    now on; the table's own log is cut to it by its checkpoints, every 100 commits.

    Raises WriteConflictError where others keep committing, and UnusableRootError.
    """

    def act(table: DeltaTable) -> None:
        _keep(table, days)
        if always or _small_files(table) >= _MOST_SMALL:
            table.optimize.compact(commit_properties=ON_THIS_SNAPSHOT)
        expired = _expired(table, days)
        if len(expired) >= (1 if always else _MOST_DEAD):
            _vacuum(table, days, dry_run=False)

    for name in SCHEMAS:
        if find_table(root, name) is not None:
            on_newest(root, name, act)


def try_to_tend(root: str, days: int = HISTORY_DAYS) -> str | None:
    """Tend where it pays; why that could not be, since a run is whole without it."""
    try:
        tend(root, days)
    except (OSError, DeltaError, WriteConflictError) as error:
        return str(error).partition("\n")[0]
    return None


def state_of(root: str, name: str, days: int) -> TableState:
    """The files of a table as they lie there; nothing is changed."""
    table = find_table(root, name)
    if table is None:
        return TableState((), (), (), ())
    live = {uri.rpartition("/")[2] for uri in table.file_uris()}
    expired = {path.rpartition("/")[2] for path in _expired(table, days)}
    found = list(files_below(join(root, "tables", name)))
    data = [file for file in found if "/" not in file.name]
    dead = tuple(file for file in data if file.name not in live)
    return TableState(
        live=tuple(file for file in data if file.name in live),
        history=dead,
        expired=tuple(file for file in dead if file.name in expired),
        log=tuple(file for file in found if file.name.startswith("_delta_log/")),
    )


def _keep(table: DeltaTable, days: int) -> None:
    there = table.metadata().configuration
    wanted: dict[str, str] = dict.fromkeys(HISTORY, f"interval {days} days")
    if any(there.get(name) != value for name, value in wanted.items()):
        table.alter.set_table_properties(wanted, commit_properties=ON_THIS_SNAPSHOT)


def _small_files(table: DeltaTable) -> int:
    sizes = pa.table(table.get_add_actions())["size_bytes"].to_pylist()
    return sum(size is not None and size < _SMALL_BYTES for size in sizes)


def _expired(table: DeltaTable, days: int) -> list[str]:
    return _vacuum(table, days, dry_run=True)


def _vacuum(table: DeltaTable, days: int, *, dry_run: bool) -> list[str]:
    return table.vacuum(
        retention_hours=24 * days,
        dry_run=dry_run,
        enforce_retention_duration=False,
        full=True,
        commit_properties=ON_THIS_SNAPSHOT,
    )
