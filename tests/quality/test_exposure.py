"""The guard against pushed items, by hand: twenty users in both sets, a nightly on 10 January in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from include.config.domain import Domain
from include.errors import GateError
from include.lake.lake import Lake, open_lake
from include.quality.exposure import LastNightly, PushedItem, find_pushed_items, last_nightly
from include.quality.gate_report import GateContext
from include.quality.list_checks import judge_lists
from include.settings import Settings

BEFORE, SINCE, AFTER = datetime(2026, 1, 1), datetime(2026, 1, 10), datetime(2026, 1, 12)
# The nightly ran some hours after its cutoff.
PUBLISHED = SINCE + timedelta(hours=3)
REGULARS = [f"u{n:02}" for n in range(20)]
NEWCOMERS = [f"new{n}" for n in range(4)]


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        opened.con.execute(
            "create temp table staged (user_id varchar, item_id varchar, rank integer);"
            "create temp table user_items (user_id varchar, item_id varchar, weight double,"
            " first_event_at timestamp);"
            "create temp table user_stats"
            " (user_id varchar, first_event_at timestamp, last_event_at timestamp)"
        )
        accounts = [(user, BEFORE, AFTER) for user in REGULARS] + [(user, AFTER, AFTER) for user in NEWCOMERS]
        opened.con.executemany("insert into user_stats values (?, ?, ?)", accounts)
        yield opened


def show(lake: Lake, item: str, before: int, now: int) -> None:
    """List the item first for so many regulars, live and staged; everyone has a list in both sets."""

    def write(con) -> None:
        live = [(user, 2 if n >= before else 1, item) for n, user in enumerate(REGULARS)]
        rows = [(user, rank, item if rank == 1 else f"filler {item}", "p1") for user, rank, _ in live]
        con.executemany(
            "insert into serving.recommendations by name"
            " select ? as user_id, ? as rank, ? as item_id, ? as publication_id",
            rows,
        )
        con.execute(
            "insert into serving.publications by name"
            " select 'p1' as publication_id, 'nightly' as kind, ?::timestamp as as_of, ? as published_at",
            [SINCE, PUBLISHED],
        )

    lake.write(write, run_id="test", message="live")
    rows = [(user, item if n < now else f"filler {item}", 1) for n, user in enumerate(REGULARS)]
    lake.con.executemany("insert into temp.staged values (?, ?, ?)", rows)


def take(lake: Lake, item: str, users: list[str], at: datetime) -> None:
    lake.con.executemany("insert into temp.user_items values (?, ?, 1, ?)", [(u, item, at) for u in users])


def pushed(lake: Lake, most_growth: float = 2.0) -> list[PushedItem]:
    since = last_nightly(lake.con)
    assert since == LastNightly(SINCE, PUBLISHED)
    return find_pushed_items(
        lake.con, "temp.staged", "temp.user_items", "temp.user_stats", since, most_growth
    )


def test_an_item_pushed_by_new_accounts_is_named_with_its_figures(lake: Lake) -> None:
    show(lake, "pushed", before=3, now=9)
    take(lake, "pushed", REGULARS[:2], BEFORE)
    take(lake, "pushed", [*NEWCOMERS, REGULARS[5]], AFTER)
    assert pushed(lake) == [PushedItem("pushed", 3, 9, supporters=5, newcomers=4)]
    assert pushed(lake, most_growth=3.0) == []


def test_accounts_that_date_their_events_back_are_as_new(lake: Lake) -> None:
    """Four accounts that we never saw before the last nightly say that they took it long ago."""
    lake.con.execute("update user_stats set first_event_at = ?, last_event_at = ?", [BEFORE, BEFORE])
    show(lake, "pushed", before=3, now=9)
    take(lake, "pushed", REGULARS[:2], BEFORE)
    take(lake, "pushed", NEWCOMERS, BEFORE)
    assert pushed(lake) == []
    seen = [(user, PUBLISHED - timedelta(days=3)) for user in REGULARS]
    seen += [(user, PUBLISHED + timedelta(hours=1)) for user in NEWCOMERS]

    def write(con) -> None:
        con.executemany(
            "insert into raw.events by name select ? as user_id, 'pushed' as item_id, ? as ingested_at", seen
        )

    lake.write(write, run_id="test", message="events")
    assert pushed(lake) == [PushedItem("pushed", 3, 9, supporters=4, newcomers=4)]


def test_an_item_that_regulars_found_is_not_named(lake: Lake) -> None:
    show(lake, "organic", before=3, now=15)
    take(lake, "organic", REGULARS[:8], AFTER)
    take(lake, "organic", NEWCOMERS, AFTER)
    assert pushed(lake) == []


def test_an_item_that_newcomers_like_as_much_as_everyone_does_is_not_named(lake: Lake) -> None:
    """All four newcomers took it, but so had most regulars before."""
    show(lake, "classic", before=3, now=15)
    take(lake, "classic", REGULARS[:12], BEFORE)
    take(lake, "classic", NEWCOMERS, AFTER)
    assert pushed(lake) == []


def test_a_pushed_item_that_is_hardly_shown_more_is_not_named(lake: Lake) -> None:
    show(lake, "niche", before=0, now=4)
    take(lake, "niche", NEWCOMERS, AFTER)
    assert pushed(lake) == []


def test_growth_of_the_audience_is_no_growth(lake: Lake) -> None:
    show(lake, "pushed", before=6, now=6)
    take(lake, "pushed", NEWCOMERS, AFTER)
    lake.con.executemany(
        "insert into temp.staged values (?, 'pushed', 1)", [(f"stranger {n}",) for n in range(50)]
    )
    assert pushed(lake) == []


def test_a_warning_by_default_and_a_refusal_where_the_domain_says(domain: Domain) -> None:
    item = PushedItem("pushed", 3, 9, supporters=5, newcomers=4)
    report = judge_lists(GateContext(domain, "r", AFTER, AFTER), {}, [item])
    report.raise_for_failures()
    (row,) = report.rows
    assert (row["is_success"], row["severity"]) == (False, "warning")
    assert row["observed"] == "pushed shown to 9 instead of 3, 4 of its 5 new takers are new accounts"
    blocking = replace(domain, quality=replace(domain.quality, pushed_items="block"))
    with pytest.raises(GateError, match="4 of its 5 new takers are new accounts"):
        judge_lists(GateContext(blocking, "r", AFTER, AFTER), {}, [item]).raise_for_failures()
    assert judge_lists(GateContext(blocking, "r", AFTER, AFTER), {}, None).findings[0].is_success


def test_far_beyond_the_limit_it_stops_the_publish_unless_the_domain_says_warn(domain: Domain) -> None:
    attacked = [PushedItem("pushed", 11, 876, supporters=10, newcomers=10)]
    with pytest.raises(GateError, match="shown to 876 instead of 11"):
        judge_lists(GateContext(domain, "r", AFTER, AFTER), {}, attacked).raise_for_failures()
    warning = replace(domain, quality=replace(domain.quality, pushed_items="warn"))
    judge_lists(GateContext(warning, "r", AFTER, AFTER), {}, attacked).raise_for_failures()
    ten_times = [PushedItem("pushed", 3, 30, supporters=10, newcomers=10)]
    judge_lists(GateContext(domain, "r", AFTER, AFTER), {}, ten_times).raise_for_failures()


def test_limits_of_the_published_set(domain: Domain) -> None:
    bounds = {
        "published_coverage@10": (0.5, None),
        "published_gini@10": (None, 0.9),
        "published_novelty@10": (1.0, None),
        "coverage@10": (1.0, None),  # of the judged lists: the evaluation's business
    }
    limited = replace(domain, gate=replace(domain.gate, bounds=bounds))
    health = {"published_coverage@10": 0.4, "published_gini@10": 0.8}
    report = judge_lists(GateContext(limited, "r", AFTER, AFTER), health, [])
    assert {f.check.name: f.is_success for f in report.findings[:-1]} == {
        "published_coverage@10": False,
        "published_gini@10": True,
        "published_novelty@10": False,  # bounded and not measured
    }
    with pytest.raises(GateError, match="published_coverage@10: found 0.4, allowed: at least 0.5"):
        report.raise_for_failures()
