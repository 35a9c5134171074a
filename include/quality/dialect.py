"""A SQLAlchemy engine over a DuckDB connection that is already open.

Great Expectations speaks SQLAlchemy. The gates must see what one particular connection sees: its temporary
views, its attached lake, and the uncommitted rows of its transaction. So the engine borrows that connection
and never opens, begins, commits, rolls back or closes anything.
"""

from __future__ import annotations

from typing import Any

import duckdb
import duckdb_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool


class BorrowedConnection:
    """The DB-API face of an open DuckDB connection that belongs to someone else."""

    notices = ()  # asked for after each statement by the Postgres dialect underneath

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def cursor(self) -> EagerCursor:
        return EagerCursor(self)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class EagerCursor:
    """Fetches every row at once: on one shared connection the next statement drops what is left."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: BorrowedConnection) -> None:
        self.connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[Any] | None = None

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        result = self.connection.con.execute(statement, parameters or None)
        self.description = result.description
        self._rows = result.fetchall() if self.description else []

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        count = size or self.arraysize
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    def close(self) -> None:
        self._rows = []


class BorrowedDialect(duckdb_engine.Dialect):
    """duckdb_engine's dialect, under the name by which Great Expectations picks its SQL."""

    name = "postgresql"
    # Great Expectations builds each statement once, and the cache would keep the borrowed connection alive.
    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None: ...

    def do_commit(self, connection: Any) -> None: ...

    def do_rollback(self, connection: Any) -> None: ...

    def initialize(self, connection: Any) -> None:
        # Asks a Postgres server for its version and standards; the defaults are right for DuckDB.
        DefaultDialect.initialize(self, connection)


registry.register("nightjar", __name__, "BorrowedDialect")
URL = "nightjar://"


def borrow(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Arguments of ``create_engine(URL, ...)`` for an engine whose every connection is ``con``.

    For the thread that owns ``con`` only.
    """
    return {"creator": lambda: BorrowedConnection(con), "poolclass": StaticPool}
