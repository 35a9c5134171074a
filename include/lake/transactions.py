"""What a transaction that did not go through leaves to be done."""

from __future__ import annotations

import duckdb


def roll_back(con: duckdb.DuckDBPyConnection) -> None:
    try:
        con.execute("rollback")
    except duckdb.Error:
        pass  # a commit that failed has rolled back already


def is_conflict(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, duckdb.Error) and (
        "conflict" in text or "could not serialize" in text or "database is locked" in text
    )
