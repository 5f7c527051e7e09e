"""What a dataset holds, as the page shows it: totals, spreads, failures, runs, and a list."""

from collections.abc import Mapping
from typing import Any, Final

import duckdb

from repscore.pipelines.query import plain, rows_of

SCORE_BINS: Final = 20
RUNS: Final = 30
FAILURE_CAUSES: Final = 40

_NAMED: Final = "($match IS NULL OR contains(lower({}), lower($match)))"

_TOTALS: Final = f"""
SELECT
  (SELECT count(*) FROM videos WHERE {_NAMED.format("uri")}) AS inputs,
  (SELECT count(*) FROM videos WHERE duplicate_of IS NOT NULL AND {_NAMED.format("uri")})
    AS duplicates,
  (SELECT coalesce(sum(decoded_s), 0) / 3600 FROM videos
    WHERE duplicate_of IS NULL AND {_NAMED.format("uri")}) AS video_hours,
  (SELECT count(*) FROM repetitions WHERE {_NAMED.format("video_uri")}) AS repetitions,
  (SELECT count(score) FROM repetitions WHERE {_NAMED.format("video_uri")}) AS scored,
  (SELECT avg(score) FROM repetitions WHERE {_NAMED.format("video_uri")}) AS mean_score,
  (SELECT count(*) FROM sets WHERE {_NAMED.format("video_uri")}) AS sets,
  (SELECT count(*) FROM feedback WHERE {_NAMED.format("video_uri")}) AS remarks,
  (SELECT count(*) FROM failures WHERE {_NAMED.format("uri")}) AS failures
"""

_STATUS: Final = f"""
SELECT status, count(*) AS inputs FROM videos WHERE {_NAMED.format("uri")}
GROUP BY 1 ORDER BY 2 DESC, 1
"""

_SCORES: Final = f"""
SELECT least(floor(score * {SCORE_BINS} / 100), {SCORE_BINS - 1})::INT AS bin, count(*) AS count
FROM repetitions WHERE score IS NOT NULL AND {_NAMED.format("video_uri")} GROUP BY 1
"""

_SPREAD: Final = "quantile_cont({}, [0.05, 0.25, 0.5, 0.75, 0.95])"

_EXERCISES: Final = f"""
SELECT exercise, any_value(videos) AS videos, any_value(repetitions) AS repetitions,
  any_value(mean_score) AS mean_score, any_value(range_of_motion_deg) AS range_of_motion_deg,
  {_SPREAD.format("tempo_per_min")} AS tempo_per_min
FROM (
  SELECT exercise, count(DISTINCT video_id) AS videos, count(*) AS repetitions,
    avg(score) AS mean_score, {_SPREAD.format("range_of_motion_deg")} AS range_of_motion_deg
  FROM repetitions WHERE {_NAMED.format("video_uri")} GROUP BY 1
) LEFT JOIN (
  SELECT exercise AS set_exercise, tempo_per_min FROM sets
  WHERE repetitions > 1 AND {_NAMED.format("video_uri")}
) ON set_exercise IS NOT DISTINCT FROM exercise
GROUP BY 1 ORDER BY repetitions DESC, exercise
"""

_FAILURES: Final = f"""
SELECT stage, error_class, kind, count(*) AS count, count(DISTINCT uri) AS inputs,
  arg_min(message, uri) AS message, arg_min(uri, uri) AS example, max(attempts) AS attempts
FROM failures WHERE {_NAMED.format("uri")}
GROUP BY 1, 2, 3 ORDER BY count DESC, 1, 2 LIMIT {FAILURE_CAUSES}
"""

_RUNS: Final = f"""
SELECT started_at, command, videos, repetitions, failures, frames, wall_s, frames_per_s,
  limiting_stage, device, finished_at IS NOT NULL AS finished
FROM runs ORDER BY started_at DESC LIMIT {RUNS}
"""

_LIST: Final = f"""
WITH counted AS (
  SELECT video_id, person, string_agg(DISTINCT exercise, ', ' ORDER BY exercise) AS exercises,
    count(*) AS repetitions, avg(score) AS score
  FROM repetitions GROUP BY 1, 2
), grouped AS (
  SELECT video_id, person, count(*) AS sets, string_agg(
    count_low || ' to ' || count_high || if(unsure, '?', ''), ', ' ORDER BY start_s) AS counts
  FROM sets GROUP BY 1, 2
), remarked AS (SELECT video_id, person, count(*) AS remarks FROM feedback GROUP BY 1, 2)
SELECT v.video_id, v.uri, v.status, v.duration_s,
  coalesce(v.recorded_at, v.arrived_at, v.processed_at) AS date, v.processed_at,
  c.person, c.exercises, c.repetitions, g.counts, g.sets, c.score, r.remarks
FROM videos v
LEFT JOIN counted c USING (video_id)
LEFT JOIN grouped g ON g.video_id = c.video_id AND g.person = c.person
LEFT JOIN remarked r ON r.video_id = c.video_id AND r.person = c.person
WHERE v.duplicate_of IS NULL AND {_NAMED.format("v.uri")}
ORDER BY max(v.processed_at) OVER (PARTITION BY v.run_id) DESC,
  min(c.score) OVER (PARTITION BY v.video_id) NULLS LAST, v.uri, c.person LIMIT $most
"""

_OF_VIDEO: Final = "SELECT * FROM {} WHERE video_id = $id ORDER BY {}"

REMEDY: Final[Mapping[str | None, str]] = {
    "transient": "The next run tries it again.",
    "missing": "The next run looks for it again.",
    "permission": "Grant access, then `repscore replay`.",
    "permanent": "Mend or replace the input, then `repscore replay`.",
    None: "`repscore replay` tries it again.",
}

Row = dict[str, Any]


def overview(connection: duckdb.DuckDBPyConnection, match: str | None) -> Row:
    """Totals, inputs by status, scores, exercises, failures by cause, and runs, newest first.

    `match` leaves out inputs whose name does not hold it, in any case of letters. Spreads are
    quantiles: 0.05, 0.25, 0.5, 0.75 and 0.95.
    """
    scores = {row["bin"]: row["count"] for row in _records(connection, _SCORES, match=match)}
    return {
        "totals": _records(connection, _TOTALS, match=match)[0],
        "status": _records(connection, _STATUS, match=match),
        "scores": [scores.get(number, 0) for number in range(SCORE_BINS)],
        "exercises": _records(connection, _EXERCISES, match=match),
        "failures": [
            {**row, "remedy": REMEDY.get(row["kind"], REMEDY[None])}
            for row in _records(connection, _FAILURES, match=match)
        ],
        "runs": _records(connection, _RUNS),
    }


def listed(connection: duckdb.DuckDBPyConnection, match: str | None, most: int) -> list[Row]:
    """Inputs, one row per person with repetitions, one without any.

    The last processed come first; of one run those with the lowest scores.
    """
    return _records(connection, _LIST, match=match, most=most)


def rows_of_video(
    connection: duckdb.DuckDBPyConnection, video_id: str, uri: str
) -> dict[str, list[Row]]:
    """The rows of a video in `repetitions`, `sets`, `feedback` and `failures`, in order of time."""
    return {
        "repetitions": _records(
            connection, _OF_VIDEO.format("repetitions", "start_s"), id=video_id
        ),
        "sets": _records(connection, _OF_VIDEO.format("sets", "start_s"), id=video_id),
        "feedback": _records(
            connection, _OF_VIDEO.format("feedback", "deviation DESC"), id=video_id
        ),
        "failures": _records(
            connection, "SELECT * FROM failures WHERE uri = $uri ORDER BY segment", uri=uri
        ),
    }


def _records(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> list[Row]:
    result = connection.sql(sql, params=parameters)
    return [
        {name: plain(value) for name, value in zip(result.columns, row, strict=True)}
        for row in rows_of(result)
    ]
