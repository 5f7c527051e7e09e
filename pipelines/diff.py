"""`repscore diff`: what a dataset holds now beside what it held at an instant, and why."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import duckdb
from rich.console import Group, RenderableType
from rich.text import Text

from repscore.pipelines.progress import console
from repscore.pipelines.query import (
    QueryError,
    connect,
    format_table,
    plain,
    rows_of,
    view,
)
from repscore.pipelines.score_changes import COMPARED, Row, moved_by, pairs_of, score_changes
from repscore.pipelines.terminal import echo
from repscore.transforms.tables.history import HistoryGone, files_at
from repscore.transforms.tables.schemas import SCHEMAS

Change = Literal["new", "changed", "vanished", "again", "replaced"]
"""What became of an input: `again` is the same content, `replaced` one of which nothing older is
known."""

_SHOWN: Final = 50
_INPUTS: Final = """
SELECT coalesce(now.uri, old.uri) AS uri, now.video_id, old.video_id AS old_video_id,
  now.fingerprint, old.fingerprint AS old_fingerprint,
  now.pose_version, old.pose_version AS old_pose_version,
  now.scorer_version, old.scorer_version AS old_scorer_version,
  now.config, old.config AS old_config, now.status, old.status AS old_status,
  CASE WHEN now.uri IS NULL THEN old.duplicate_of ELSE now.duplicate_of END AS duplicate_of
FROM videos now FULL JOIN old_videos old USING (uri)
WHERE (now.run_id, now.processed_at) IS DISTINCT FROM (old.run_id, old.processed_at)
ORDER BY 1
"""
_SINCE: Final = """
SELECT uri, status FROM videos WHERE processed_at > ? ORDER BY 1
"""
_COLUMNS: Final = ", ".join(f"r.{name}" for name in COMPARED)
_REPETITIONS: Final = f"SELECT c.uri, {_COLUMNS} FROM repetitions r JOIN changed c USING (video_id)"
_OLD: Final = (
    f"SELECT c.uri, {_COLUMNS} FROM old_repetitions r JOIN changed c ON c.old_video_id = r.video_id"
)


class CannotDiff(ValueError):
    """There is no dataset, or no such run or time; the message is one line."""


@dataclass(frozen=True)
class InputChange:
    """What became of an input.

    Attributes:
        why: of the rows that are new: `new input`, `changed content`, `new poses`, `new scorer`,
            `options` (or another version of repscore), `processed again`; None where nothing older
            is known, and of a vanished one.
        repetitions, old_repetitions: how many; None of a copy of another input, and where nothing
            older is known.
        moved: how many of those in both have a score that moved by a point or more.
    """

    uri: str
    change: Change
    why: str | None
    status: str | None
    old_status: str | None = None
    repetitions: int | None = None
    old_repetitions: int | None = None
    mean_score: float | None = None
    old_mean_score: float | None = None
    moved: int | None = None


@dataclass(frozen=True)
class Difference:
    """What changed in a dataset.

    Attributes:
        gone: why nothing is known of older rows; None where history was read.
        inputs: those that changed, by URI.
        unchanged: how many did not; None where that is not known.
        scores: `score_changes` by reason.
    """

    root: str
    since: datetime
    gone: str | None
    inputs: Sequence[InputChange]
    unchanged: int | None
    scores: Mapping[str, Mapping[str, Any]]

    def show(self, *, as_json: bool) -> None:
        """One JSON object, or text for people."""
        if as_json:
            echo(json.dumps(self._plain(), ensure_ascii=False))
        else:
            console().print(Group(*self._parts()))

    def _plain(self) -> Mapping[str, Any]:
        value = plain({**asdict(self), "inputs": [asdict(each) for each in self.inputs]})
        value["dataset"] = value.pop("root")
        return {**value, "counts": Counter(each.change for each in self.inputs)}

    def _parts(self) -> list[RenderableType]:
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        counts = Counter(each.change for each in self.inputs)
        words = ", ".join(f"{number} {change}" for change, number in counts.items()) or "no change"
        if self.gone is not None:
            return [
                Text(f"{self.gone}. What rows tell alone:"),
                Text(f"{self.root} since {since}: {len(self.inputs)} inputs were processed"),
                *_table([{"uri": i.uri, "status": i.status} for i in self.inputs]),
            ]
        parts: list[RenderableType] = [
            Text(f"{self.root} since {since}: {words}, {self.unchanged} unchanged")
        ]
        for why, found in self.scores.items():
            parts.append(
                Text(
                    f"{why}: of {found['compared']} repetitions {found['score']} moved by a point "
                    f"or more, {found['exercise']} changed their exercise; {found['appeared']} "
                    f"appeared, {found['vanished']} vanished"
                )
            )
        columns = (
            *("uri", "change", "why", "old_repetitions", "repetitions"),
            *("old_mean_score", "mean_score", "moved"),
        )
        rows = [{name: getattr(each, name) for name in columns} for each in self.inputs]
        return [*parts, *_table(rows)]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    if not rows:
        return []
    shown = format_table(list(rows[0]), (list(row.values()) for row in rows[:_SHOWN]))
    more = [Text(f"… and {len(rows) - _SHOWN} more: see --json")] * (len(rows) > _SHOWN)
    return [shown, *more]


def diff(root: str, since: str | None) -> Difference:
    """What changed since a run, as it left the dataset, or since a time; None: by the last run.

    Where history does not reach as far back, only the inputs whose rows are younger are known.
    Raises CannotDiff.
    """
    try:
        connection = connect(root)
        instant = instant_of(root, connection, since)
        try:
            for name in ("videos", "repetitions"):
                view(connection, f"old_{name}", files_at(root, name, instant), SCHEMAS[name])
        except HistoryGone as error:
            found = _all(connection.sql(_SINCE, params=[instant]))
            inputs = [InputChange(row["uri"], "replaced", None, row["status"]) for row in found]
            return Difference(root, instant, str(error), inputs, None, {})
        return _compared(root, instant, connection)
    except (QueryError, duckdb.Error) as error:
        raise CannotDiff(" ".join(str(error).split())) from error


def instant_of(root: str, connection: duckdb.DuckDBPyConnection, since: str | None) -> datetime:
    """A RUN or TIME of the command line: the end of that run, or the time itself.

    None is the start of the last run. Raises CannotDiff.
    """
    runs = _all(connection.sql("SELECT run_id, started_at, finished_at FROM runs ORDER BY 2"))
    if not runs:
        raise CannotDiff(f"{root} holds no runs: expected a dataset made by `score`")
    if since is None:
        started_at: datetime = runs[-1]["started_at"]
        return started_at
    chosen = [run for run in runs if run["run_id"].startswith(since)]
    if len(chosen) == 1:
        (run,) = chosen
        if run["finished_at"] is None:
            raise CannotDiff(
                f"{since}: the run did not finish; give a time, such as its start, "
                f"{run['started_at'].isoformat()}"
            )
        finished_at: datetime = run["finished_at"]
        return finished_at
    try:
        instant = datetime.fromisoformat(since)
    except ValueError as error:
        what = "several runs begin so" if chosen else "no such run"
        raise CannotDiff(
            f"{since!r}: {what}; expected a run_id of the table `runs`, or a time such as "
            "2026-03-01 or 2026-03-01T02:00+01:00 (UTC without an offset)"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _compared(root: str, instant: datetime, connection: duckdb.DuckDBPyConnection) -> Difference:
    rows = _all(connection.sql(_INPUTS))
    connection.execute(f"CREATE TEMP TABLE changed AS {_INPUTS}")
    connection.execute("DELETE FROM changed WHERE duplicate_of IS NOT NULL")
    now, old = (_by_uri(_all(connection.sql(sql))) for sql in (_REPETITIONS, _OLD))
    (total,) = _all(connection.sql("SELECT count(*) AS inputs FROM videos"))
    inputs, by_reason = [], defaultdict[str, tuple[list[Row], list[Row]]](lambda: ([], []))
    for row in rows:
        before, after = old.get(row["uri"], []), now.get(row["uri"], [])
        change = _input_change(row, before, after)
        inputs.append(change)
        if change.change in ("changed", "again") and row["duplicate_of"] is None:
            earlier, later = by_reason[str(change.why)]
            earlier += before
            later += after
    scores = {why: score_changes(*both, "uri") for why, both in by_reason.items()}
    there = sum(row["video_id"] is not None for row in rows)
    return Difference(root, instant, None, inputs, total["inputs"] - there, scores)


def _input_change(row: Row, before: Sequence[Row], after: Sequence[Row]) -> InputChange:
    """What became of an input, from its rows of `videos` and of `repetitions` in both states."""
    change, why = reason_of(row)
    whole = row["duplicate_of"] is None
    pairs = pairs_of(before, after, "uri")
    return InputChange(
        uri=row["uri"],
        change=change,
        why=why,
        status=row["status"],
        old_status=row["old_status"],
        repetitions=len(after) if whole and change != "vanished" else None,
        old_repetitions=len(before) if whole and change != "new" else None,
        mean_score=_mean(after),
        old_mean_score=_mean(before),
        moved=sum(moved_by(*pair) is not None for pair in pairs) if pairs else None,
    )


def reason_of(row: Row) -> tuple[Change, str | None]:
    """What became of an input and why, from its two rows of `videos`; the first cause counts."""
    if row["old_video_id"] is None:
        return "new", "new input"
    if row["video_id"] is None:
        return "vanished", None
    if row["fingerprint"] != row["old_fingerprint"]:
        return "changed", "changed content"
    for column, why in (
        ("pose_version", "new poses"),
        ("scorer_version", "new scorer"),
        ("config", "options"),
    ):
        if row[column] != row[f"old_{column}"]:
            return "again", why
    return "again", "processed again"


def _by_uri(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["uri"]].append(row)
    return found


def _mean(rows: Sequence[Row]) -> float | None:
    scores = [row["score"] for row in rows if row["score"] is not None]
    return sum(scores) / len(scores) if scores else None


def _all(result: Any) -> list[dict[str, Any]]:
    return [dict(zip(result.columns, row, strict=True)) for row in rows_of(result)]
