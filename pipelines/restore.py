"""`repscore restore`: a dataset's tables as they were after a run, or at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from repscore.pipelines.diff import CannotDiff, instant_of
from repscore.pipelines.query import QueryError, connect, plain
from repscore.pipelines.terminal import echo
from repscore.transforms.tables.delta import UnusableRootError
from repscore.transforms.tables.history import HistoryGone
from repscore.transforms.tables.history import restore as restore_tables
from repscore.transforms.tables.schemas import SCHEMAS


class CannotRestore(ValueError):
    """The tables cannot be restored; the message says why, and nothing was changed."""


@dataclass(frozen=True)
class Restored:
    """A dataset after it was restored, and the number of rows of each table then."""

    root: str
    instant: datetime
    rows: Mapping[str, int]

    def show(self, *, as_json: bool) -> None:
        """One JSON object, or a line for people."""
        if as_json:
            values = {"dataset": self.root, "instant": self.instant, "rows": self.rows}
            echo(json.dumps(plain(values), ensure_ascii=False))
            return
        rows = ", ".join(f"{name} {count}" for name, count in self.rows.items())
        echo(f"{self.root} is as of {self.instant:%Y-%m-%d %H:%M:%S} UTC: {rows}")


def restore(root: str, since: str) -> Restored:
    """Bring all tables but `runs` back to a run's end or a time; raises CannotRestore.

    Poses stay as they are. What is brought back is a new version of each table, so the state
    before can be restored, too.
    """
    names = [name for name in SCHEMAS if name != "runs"]
    try:
        instant = instant_of(root, connect(root), since)
        restore_tables(root, names, instant)
        now = connect(root)
        rows = {name: now.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}
    except (CannotDiff, HistoryGone, QueryError, UnusableRootError, duckdb.Error) as error:
        raise CannotRestore(" ".join(str(error).split())) from error
    return Restored(root, instant, rows)
