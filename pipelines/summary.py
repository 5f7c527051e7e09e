"""What a dataset holds: the figures that a person wants after a run."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TextIO

from rich.console import Group, RenderableType
from rich.text import Text

from repscore.pipelines.progress import console
from repscore.pipelines.query import connect, format_table, plain, rows_of
from repscore.pipelines.terminal import printable

_PLAIN_WIDTH: Final = 200

_STATUS: Final = "SELECT status, count(*) AS inputs FROM videos GROUP BY 1 ORDER BY 2 DESC, 1"

_TOTALS: Final = """
SELECT
  count(*) AS inputs,
  count(duplicate_of) AS duplicates,
  coalesce(sum(decoded_s) FILTER (duplicate_of IS NULL), 0) / 3600 AS video_hours,
  (SELECT count(*) FROM repetitions) AS repetitions,
  (SELECT count(*) FROM sets) AS sets,
  (SELECT count(*) FROM sets WHERE unsure) AS unsure,
  (SELECT count(*) FROM failures) AS failures
FROM videos
"""

_EXERCISES: Final = """
SELECT r.exercise, count(DISTINCT r.video_id) AS videos, any_value(s.sets) AS sets,
  count(*) AS repetitions, count(r.score) AS scored, avg(r.score) AS mean_score,
  avg(r.range_of_motion_deg) AS range_of_motion_deg, avg(r.duration_s) AS duration_s
FROM repetitions r
LEFT JOIN (SELECT exercise, count(*) AS sets FROM sets GROUP BY 1) s
  ON s.exercise IS NOT DISTINCT FROM r.exercise
GROUP BY r.exercise ORDER BY repetitions DESC, r.exercise
"""

_VIDEOS: Final = """
SELECT v.uri, v.status, v.people, v.repetitions, s.counts, r.exercises, r.mean_score, s.sets
FROM videos v
LEFT JOIN (
  SELECT video_id, string_agg(DISTINCT exercise, ', ' ORDER BY exercise) AS exercises,
    avg(score) AS mean_score
  FROM repetitions GROUP BY 1
) r USING (video_id)
LEFT JOIN (
  SELECT video_id, count(*) AS sets, string_agg(
    count_low || '-' || count_high || if(unsure, '?', ''), ', ' ORDER BY start_s) AS counts
  FROM sets GROUP BY 1
) s USING (video_id)
WHERE v.duplicate_of IS NULL ORDER BY v.uri LIMIT 50
"""

_FAILURES: Final = """
SELECT uri, segment, stage, error_class, message, attempts
FROM failures ORDER BY processed_at DESC, uri, segment LIMIT 50
"""

_LAST_RUN: Final = "SELECT * FROM runs ORDER BY started_at DESC LIMIT 1"


@dataclass(frozen=True)
class Summary:
    """Figures of a dataset.

    Attributes:
        root: where it lies.
        totals: inputs, duplicates, video_hours, repetitions, sets, unsure (sets), failures.
        status: number of inputs by status.
        exercises: per exercise (None: not known) its videos, sets, repetitions, mean score.
        videos: the first 50 by URI, duplicates left out; `counts` are the 90 % intervals of the
            sets, marked where unsure.
        failures: the latest 50.
        last_run: the row of `runs`; None before the first run.
    """

    root: str
    totals: Mapping[str, Any]
    status: Mapping[str, int]
    exercises: tuple[Mapping[str, Any], ...]
    videos: tuple[Mapping[str, Any], ...]
    failures: tuple[Mapping[str, Any], ...]
    last_run: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {key: plain(value) for key, value in asdict(self).items()}


def summary(root: str) -> Summary:
    """Reads the figures of a dataset; raises QueryError where there is none."""
    connection = connect(root)

    def records(sql: str) -> tuple[dict[str, Any], ...]:
        result = connection.sql(sql)
        return tuple(dict(zip(result.columns, row, strict=True)) for row in rows_of(result))

    runs = records(_LAST_RUN)
    return Summary(
        root=root,
        totals=records(_TOTALS)[0],
        status={row["status"]: row["inputs"] for row in records(_STATUS)},
        exercises=records(_EXERCISES),
        videos=records(_VIDEOS),
        failures=records(_FAILURES),
        last_run=runs[0] if runs else None,
    )


def print_summary(root: str, *, as_json: bool = False, out: TextIO | None = None) -> None:
    """Prints the figures of a dataset, or one JSON object. Raises QueryError."""
    target = sys.stdout if out is None else out
    figures = summary(root)
    if as_json:
        text = json.dumps(figures.as_dict(), ensure_ascii=False, indent=2)
        target.write(printable(text) + "\n")
    else:
        width = None if target.isatty() else _PLAIN_WIDTH
        console(target, width=width).print(show(figures))


def show(figures: Summary) -> RenderableType:
    """The figures for a terminal."""
    totals = figures.totals
    states = ", ".join(f"{count} {status}" for status, count in figures.status.items())
    copies = f" ({totals['duplicates']} of them copies)" if totals["duplicates"] else ""
    parts: list[RenderableType] = [
        Text(f"{figures.root}: {totals['inputs']} inputs{copies}{': ' if states else ''}{states}"),
        Text(
            f"{totals['video_hours']:.2f} h of video, {totals['repetitions']} repetitions "
            f"in {totals['sets']} sets ({totals['unsure']} with an unsure count), "
            f"{totals['failures']} failures"
        ),
    ]
    if figures.last_run is not None:
        parts.append(Text(_run(figures.last_run)))
    exercises = [{**row, "exercise": row["exercise"] or "(not known)"} for row in figures.exercises]
    parts += _section("Exercises", exercises, len(exercises))
    uris = [row["uri"] for row in figures.videos]
    folder = os.path.commonprefix(uris).rpartition("/")[0] + "/"  # noqa: RUF071 - commonpath breaks URLs
    videos = [{**row, "uri": row["uri"].removeprefix(folder)} for row in figures.videos]
    parts += _section(f"Videos in {folder}", videos, totals["inputs"] - totals["duplicates"])
    failures = [{"input": _place(row, folder), "what": row["message"]} for row in figures.failures]
    parts += _section("Failures", failures, totals["failures"])
    return Group(*parts)


def _section(title: str, rows: Sequence[Mapping[str, Any]], total: int) -> list[RenderableType]:
    if not rows:
        return []
    table = format_table(list(rows[0]), (list(row.values()) for row in rows))
    more = [Text(f"… and {total - len(rows)} more: see `repscore query`")] * (total > len(rows))
    return [Text(f"\n{title}", style="bold"), table, *more]


def _place(failure: Mapping[str, Any], folder: str) -> str:
    segment = "" if failure["segment"] is None else f", segment {failure['segment']}"
    return f"{failure['uri'].removeprefix(folder)}{segment} ({failure['stage']})"


def _run(row: Mapping[str, Any]) -> str:
    began = row["started_at"].strftime("%Y-%m-%d %H:%M:%S UTC")
    if row["finished_at"] is None:
        return f"last run: {began}, not finished: the same command continues where it stopped"
    rate = f" at {row['frames_per_s']:.0f} frames/s" if row["frames_per_s"] else ""
    limit = f", limited by {row['limiting_stage']}" if row["limiting_stage"] else ""
    return (
        f"last run: {began}, {row['wall_s'] or 0:.1f} s: {row['videos'] or 0} videos, "
        f"{row['skipped'] or 0} unchanged, {row['frames'] or 0} frames{rate}{limit}"
    )
