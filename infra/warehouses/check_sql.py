"""Fails where sqlglot does not parse a file of SQL; a statement that it keeps as mere text counts.

    python check_sql.py DIALECT/FILE... [--to-duckdb]

With --to-duckdb it prints the queries for DuckDB, as a JSON array, tables by their bare names. Run
with the packages of the tool sqlglot (infra/tools.toml).
"""

import json
import logging
import sys
from pathlib import Path

import sqlglot
from sqlglot import exp


def parsed(file: Path) -> list[exp.Expression]:
    """The statements of a file; raises ValueError for one that is not understood."""
    logging.disable(logging.WARNING)  # sqlglot warns of what it keeps as text
    dialect = file.parent.name
    found = sqlglot.parse(file.read_text("utf-8"), read=dialect)
    statements = [each for each in found if each is not None]
    for statement in statements:
        if statement.find(exp.Command):
            raise ValueError(f"kept as text: {statement.sql(dialect)[:200]}")
    return statements


def for_duckdb(query: exp.Expression) -> str:
    """A query in DuckDB's dialect, without the names of catalogs and schemas."""
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
        table.set("db", None)
    return query.sql("duckdb")


if __name__ == "__main__":
    queries, wrong = [], False
    for name in sys.argv[1:]:
        if name.startswith("--"):
            continue
        try:
            queries += [each for each in parsed(Path(name)) if isinstance(each, exp.Select)]
        except ValueError as error:
            sys.stdout.write(f"{name}: {error}\n")
            wrong = True
    if "--to-duckdb" in sys.argv:
        sys.stdout.write(json.dumps([for_duckdb(query) for query in queries]))
    sys.exit(wrong)
