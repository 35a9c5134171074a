"""Parity of refreshed and retrained lists, by hand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from include.config.domain import Domain
from include.lake.lake import Lake, open_lake
from include.reporting.parity import measure_parity
from include.settings import Settings


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


def publish(lake: Lake, lists: dict[str, list[str]], kind: str) -> None:
    rows = [(user, rank, item) for user, items in lists.items() for rank, item in enumerate(items, 1)]

    def write(con) -> None:
        con.execute(
            "insert into serving.publications by name select ? as publication_id, ? as kind", [kind, kind]
        )
        con.executemany(
            "insert into serving.recommendations by name"
            f" select ? as user_id, ? as rank, ? as item_id, '{kind}' as publication_id",
            rows,
        )

    lake.write(write, run_id="test", message=kind)


def stage(lake: Lake, lists: dict[str, list[str]]) -> str:
    lake.con.execute("create or replace temp table staged (user_id varchar, rank integer, item_id varchar)")
    rows = [(user, rank, item) for user, items in lists.items() for rank, item in enumerate(items, 1)]
    lake.con.executemany("insert into staged values (?, ?, ?)", rows)
    return "temp.staged"


def test_shares_and_order_by_hand(lake: Lake, domain: Domain) -> None:
    """a: the same list; b: the same items backwards; c: one of five; d was not refreshed."""
    publish(lake, {"a": list("vwxyz"), "b": list("vwxyz"), "c": list("vwxyz")}, "refresh")
    publish(lake, {"d": list("vwxyz")}, "nightly")
    staged = stage(lake, {"a": list("vwxyz"), "b": list("zyxwv"), "c": list("z1234"), "d": list("12345")})
    overlap, correlation = measure_parity(lake.con, domain, staged)
    assert (overlap.subject, overlap.metric, overlap.k) == ("parity", "overlap", 10)
    assert overlap.value == pytest.approx((1 + 1 + 0.2) / 3)
    assert overlap.users == 3
    # c shares too little for an order.
    assert (correlation.metric, correlation.k) == ("rank_correlation", 5)
    assert correlation.value == pytest.approx(0.0)
    assert correlation.users == 2


def test_nothing_refreshed_gives_no_row(lake: Lake, domain: Domain) -> None:
    publish(lake, {"a": ["x"]}, "nightly")
    assert measure_parity(lake.con, domain, stage(lake, {"a": ["x"]})) == []


def test_a_low_overlap_is_told_and_only_as_many_users_are_asked_as_the_domain_says(
    lake: Lake, domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    lists = {f"u{n}": list("vwxyz") for n in range(6)}
    publish(lake, lists, "refresh")
    few = replace(domain, evaluation=replace(domain.evaluation, parity_users=4))
    with caplog.at_level(logging.WARNING):
        rows = measure_parity(lake.con, few, stage(lake, lists))
        assert [row.users for row in rows] == [4, 4] and not caplog.records
        measure_parity(lake.con, few, stage(lake, {user: list("12345") for user in lists}))
    assert "min_parity_overlap" in caplog.text
