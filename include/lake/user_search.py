"""Find rows at the least cost: in small tables, and of the users at hand in those that grow with the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

# Positions that the hash of a user id can have: with 1,000 users marked, one other user in 1,000 is looked at
# in vain. A power of two; 128 KB of bits.
_POSITIONS = 1 << 20


def row_by_row(column: str) -> str:
    """A text column as a condition is to name it that can skip no file: of a small table, or alike in all.

    To skip a file by what the catalog knows of it, DuckLake reads that of all files of the lake, which takes
    longer than a small table does. A condition on the expression is tried on the rows alone.
    """
    return f"({column} || '')"


def keep_to_one_thread(con: duckdb.DuckDBPyConnection, *, but_searches: bool) -> None:
    """For many small statements, which cost up to twice as much on two threads.

    but_searches: statements in ``searching`` go on all cores nevertheless.
    """
    if but_searches:
        con.execute("set variable search_threads = current_setting('threads')")
    con.execute("set threads = 1")


@contextmanager
def searching(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """The block searches tables that grow with the lake: see ``keep_to_one_thread``."""
    row = con.execute("select getvariable('search_threads')").fetchone()
    if row is None or row[0] is None:
        yield
        return
    # A cursor, since a transaction that has failed takes no more statements.
    with con.cursor() as beside:
        beside.execute(f"set threads = {int(row[0])}")
        try:
            yield
        finally:
            beside.execute("set threads = 1")


def is_among(con: duckdb.DuckDBPyConnection, users: str) -> str:
    """The condition that a row's user_id is one of users; true until the next call on this connection.

    users: relation with user_id. Of one user, DuckDB skips the row groups that cannot hold them. Of many, it
    compares each row with the first and the last before it looks for the row's user among them. A bitmap of
    their hashes is looked up once for each user of a row group instead (its dictionary), at a fraction of the
    cost; the few rows that pass are compared as they are. The ``||`` keeps DuckDB from comparing all rows
    with the first and the last nevertheless.
    """
    row = con.execute(f"select count(distinct user_id) from {users}").fetchone()
    if row is None or row[0] <= 1:
        return f"user_id in (select user_id from {users})"
    position = f"(hash(user_id) & {_POSITIONS - 1})::integer"
    con.execute(
        f"set variable searched_users = (select bitstring_agg({position}, 0, {_POSITIONS - 1}) from {users})"
    )
    is_marked = f"get_bit(getvariable('searched_users'), {position}) = 1"
    return f"({is_marked} and user_id || '' in (select user_id from {users}))"
