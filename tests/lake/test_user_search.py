"""Rows of the users at hand: what the condition lets through, whatever number of users it is for."""

from __future__ import annotations

import duckdb
import pytest

from include.lake import user_search as search
from include.lake.user_search import is_among


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        "create table pairs as"
        " select 'user-' || u as user_id, 'item-' || i as item_id from range(3000) t(u), range(3) s(i)"
    )
    return con


def _found(con: duckdb.DuckDBPyConnection, users: list[str]) -> list[str]:
    con.execute("create or replace temp table wanted (user_id varchar)")
    con.executemany("insert into wanted values (?)", [[user] for user in [*users, users[0]]])
    rows = con.execute(f"select user_id from pairs where {is_among(con, 'wanted')} order by 1").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("wanted", [1, 2, 100, 3000])
def test_all_rows_of_the_users_and_no_others(con: duckdb.DuckDBPyConnection, wanted: int) -> None:
    users = [f"user-{n * 3000 // wanted}" for n in range(wanted)]
    assert _found(con, users) == sorted(user for user in users for _ in range(3))


def test_users_whose_hashes_meet_are_told_apart(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_POSITIONS", 2)  # every user is marked
    assert _found(con, ["user-1", "user-2", "stranger"]) == ["user-1"] * 3 + ["user-2"] * 3


def test_nobody_is_among_no_users(con: duckdb.DuckDBPyConnection) -> None:
    nobody = "(select user_id from pairs limit 0)"
    assert con.execute(f"select count(*) from pairs where {is_among(con, nobody)}").fetchone() == (0,)


def test_conditions_can_be_made_one_after_the_other(con: duckdb.DuckDBPyConnection) -> None:
    assert len(_found(con, ["user-1", "user-2"])) == 6
    assert _found(con, ["user-3", "user-4"]) == ["user-3"] * 3 + ["user-4"] * 3
