"""Lists in Postgres: what changed, in one transaction, so that readers see one publication."""

from __future__ import annotations

import duckdb

from include.config.export_targets import ExportTarget
from include.exports.target import COLUMNS, KEYS, Change, Written
from include.lake.catalog import quote

ALIAS = "export_target"
_TYPES = {"rank": "integer", "score": "double precision"}


class Postgres:
    """Tables <prefix>recommendations …, and <prefix>publication with the one row that says which it is.

    Through DuckDB's own Postgres extension: its transaction is one of the server's, and rows go by COPY.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, target: ExportTarget, address: str) -> None:
        self._con = con
        self._tables = target.tables
        self._prefix = target.prefix.replace(":", "_")
        seconds = max(1, int(target.timeout_seconds))
        joined = f"connect_timeout={seconds} options='-c statement_timeout={1000 * seconds}'"
        if "://" in address:
            options = f"connect_timeout={seconds}&options=-c%20statement_timeout%3D{1000 * seconds}"
            address += ("&" if "?" in address else "?") + options
        else:
            address = f"{address} {joined}"
        con.execute("load postgres_scanner")
        con.execute(f"attach {quote(address)} as {ALIAS} (type postgres)")

    def _name(self, table: str) -> str:
        return '"' + (self._prefix + table).replace('"', '""') + '"'

    def _run(self, sql: str) -> None:
        self._con.execute(f"call postgres_execute({quote(ALIAS)}, {quote(sql)})")

    def _asked(self, sql: str) -> list[tuple[object, ...]]:
        return self._con.execute(f"from postgres_query({quote(ALIAS)}, {quote(sql)})").fetchall()

    def held(self) -> str | None:
        self._make_tables()
        rows = self._asked(f"select publication_id from {self._name('publication')}")
        return str(rows[0][0]) if rows else None

    def _make_tables(self) -> None:
        for table in self._tables:
            columns = ", ".join(f'"{column}" {_TYPES.get(column, "text")}' for column in COLUMNS[table])
            key = f'primary key ("{KEYS[table]}", "rank")'
            self._run(f"create table if not exists {self._name(table)} ({columns}, {key})")
        self._run(
            f"create table if not exists {self._name('publication')}"
            " (publication_id text not null, exported_at timestamptz not null default now())"
        )

    def write(self, con: duckdb.DuckDBPyConnection, change: Change) -> Written:
        self._make_tables()
        rows = deleted = 0
        con.execute("begin")
        try:
            for table in self._tables:
                rows += self._write_table(con, change, table)
            if change.since is not None and "recommendations" in self._tables:
                deleted = self._delete_gone(con, change)
            publication = self._name("publication")
            self._run(f"delete from {publication}")
            self._run(f"insert into {publication} (publication_id) values ({quote(change.publication_id)})")
            con.execute("commit")
        except BaseException:
            con.execute("rollback")
            raise
        return Written(rows, deleted)

    def _write_table(self, con: duckdb.DuckDBPyConnection, change: Change, table: str) -> int:
        """Into a table of the transaction's own first: deleting through DuckDB would read the whole table."""
        name, fresh, key = self._name(table), self._name(f"fresh_{table}"), KEYS[table]
        self._run(f"drop table if exists {fresh}")
        self._run(f"create table {fresh} (like {name})")
        con.execute(f"insert into {ALIAS}.public.{fresh} {change.rows(table)}")
        rows = self._asked(f"select count(*) from {fresh}")[0][0]
        if change.since is None:
            self._run(f"delete from {name}")
        else:
            self._run(f'delete from {name} where "{key}" in (select distinct "{key}" from {fresh})')
        self._run(f"insert into {name} select * from {fresh}")
        self._run(f"drop table {fresh}")
        return int(str(rows))

    def _delete_gone(self, con: duckdb.DuckDBPyConnection, change: Change) -> int:
        gone = [str(row[0]) for row in con.execute(change.gone()).fetchall()]
        if gone:
            users = ", ".join(quote(user) for user in gone)
            self._run(f"delete from {self._name('recommendations')} where user_id in ({users})")
        return len(gone)

    def forget(self, con: duckdb.DuckDBPyConnection, user_id: str) -> None:
        self._make_tables()
        if "recommendations" in self._tables:
            name = self._name("recommendations")
            self._run(f"delete from {name} where user_id = {quote(user_id)}")
            # The row's bytes stay in the table's file until then; not possible inside a transaction.
            vacuum = quote(f"vacuum full {name}")
            self._con.execute(f"call postgres_execute({quote(ALIAS)}, {vacuum}, use_transaction = false)")

    def close(self) -> None:
        self._con.execute(f"detach {ALIAS}")
