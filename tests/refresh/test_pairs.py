"""The touched users' rows of features.user_items, read while the tick does something else."""

from __future__ import annotations

import duckdb
import pytest

from include.lake.lake import Lake
from include.refresh.pairs import PAIRS, load_pairs, reading_pairs


@pytest.mark.parametrize(
    "read",
    [["u00", "u02", "u00"], ["u01", "u00", "new"], ["u00"], ["u02", "new", "u01", "u00"]],
    ids=["one late, one in vain", "the same", "late ones", "one in vain"],
)
def test_pairs_read_early_are_those_of_the_users_at_hand(lake: Lake, read: list[str]) -> None:
    def work(con: duckdb.DuckDBPyConnection) -> list[list[tuple[object, ...]]]:
        con.execute("create temp table early as select unnest(?::varchar[]) as user_id", [read])
        con.execute("create temp table listed as from (values ('u00'), ('u01'), ('new')) t(user_id)")
        found = []
        for early in (True, False):
            with reading_pairs(con, "early") as pairs:
                load_pairs(con, "listed", pairs if early else None)
            found.append(con.execute(f"select * from {PAIRS} order by all").fetchall())
        return found

    early, at_once = lake.write(work, run_id="t", message="test")
    assert early == at_once
    assert {row[0] for row in early} == {"u00", "u01"}
    assert len(early) == lake.value(
        "select count(*) from features.user_items where user_id in ('u00', 'u01')"
    )
