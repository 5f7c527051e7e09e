"""The rows on which two runs must agree: without columns of the run and of the clock."""

from pathlib import Path

from repscore.pipelines.query import query

TABLES = ("videos", "repetitions", "sets", "feedback", "failures")
Rows = list[tuple[object, ...]]


def rows(root: Path | str, table: str, but: str = "") -> Rows:
    """The sorted rows of a table, without inputs whose name ends with `but`."""
    uri = "uri" if table in ("videos", "failures") else "video_uri"
    where = f"WHERE {uri} NOT LIKE '%{but}'" if but else ""
    run = "run_id, processed_at" + ", pose_s" * (table == "videos")
    sql = f"SELECT * EXCLUDE ({run}) FROM {table} {where} ORDER BY ALL"
    relation = query(str(root), sql)
    assert relation is not None
    return relation.fetchall()


def tables(root: Path | str) -> dict[str, Rows]:
    """The rows of all tables that are compared."""
    return {table: rows(root, table) for table in TABLES}
