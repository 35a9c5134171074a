"""A guard against accounts made to push an item (shilling): whose exposure doubled, and who was behind it.

Popularity counts distinct people and a user's say is one row in every matrix, so that one account cannot do
much; many new ones can. Nothing here is proof: a launch that only newcomers were told of looks the same.
Signals after Gunes et al. 2014, "Shilling attacks against recommender systems", section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.ranking.first_places import K

# An item nobody knew doubles with its second list: told is only what this many more people were shown.
MIN_LISTS = 5
MIN_SHARE = 0.005
# Two new friends of an item are a coincidence.
MIN_SUPPORTERS = 3
# Newcomers differ from regulars; takers of a pushed item differ much more.
TIMES_AS_OFTEN = 2.0


@dataclass(frozen=True)
class PushedItem:
    """shown_before, shown_now: users of both sets whose first K places show it; supporters: users who took
    it first since the last nightly; newcomers: those of them whose first event ever is since then, too."""

    item_id: str
    shown_before: int
    shown_now: int
    supporters: int
    newcomers: int

    @property
    def growth(self) -> float:
        """Times as many people; an item that nobody was shown before counts as one that one person was."""
        return self.shown_now / max(self.shown_before, 1)

    def describe(self) -> str:
        return (
            f"{self.item_id} shown to {self.shown_now} instead of {self.shown_before},"
            f" {self.newcomers} of its {self.supporters} new takers are new accounts"
        )


def last_nightly(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """Cutoff of the newest published nightly, None before the first."""
    row = con.execute("select max(as_of) from serving.publications where kind = 'nightly'").fetchone()
    return row[0] if row else None


def find_pushed_items(
    con: duckdb.DuckDBPyConnection,
    staged: str,
    user_items: str,
    user_stats: str,
    since: datetime,
    most_growth: float,
) -> list[PushedItem]:
    """Items that grew more than most_growth times since `since`, carried by new accounts; the worst first.

    staged: relation of the staged recommendations; user_items, user_stats: of the run's features.  Exposure
    is counted over users who have a list in both sets, so that growth of the audience is no growth.
    Carried by new accounts: they are most of its new takers, and take it more than TIMES_AS_OFTEN as often
    as the other users did ever or do now.
    """
    found = con.execute(
        f"""
        with
        staged as (select user_id, item_id from {staged} where "rank" <= $k),
        live as (select user_id, item_id from serving.recommendations where "rank" <= $k),
        kept as (
            select distinct user_id from staged
            semi join (select distinct user_id from live) as listed using (user_id)
        ),
        exposures as (
            select
                item_id,
                count(*) filter (where not is_staged) as shown_before,
                count(*) filter (where is_staged) as shown_now
            from (
                select user_id, item_id, true as is_staged from staged
                union all
                select user_id, item_id, false as is_staged from live
            )
            semi join kept using (user_id)
            group by item_id
        ),
        grown as (
            select * from exposures
            where
                shown_now > $most_growth * shown_before
                and shown_now - shown_before
                >= greatest($min_lists, $min_share * (select count(*) from kept))
        ),
        accounts as (
            select
                user_id,
                first_event_at > $since::timestamp as is_new,
                last_event_at > $since::timestamp as is_active
            from {user_stats}
        ),
        totals as (
            select
                count(*) filter (where is_new) as newcomers,
                count(*) filter (where not is_new) as regulars,
                count(*) filter (where not is_new and is_active) as active_regulars
            from accounts
        ),
        takers as (
            select
                pairs.item_id,
                count(*) filter (where pairs.first_event_at > $since::timestamp) as supporters,
                count(*) filter (where accounts.is_new) as newcomers,
                count(*) filter (where not accounts.is_new) as regulars,
                count(*) filter (where not accounts.is_new and pairs.first_event_at > $since::timestamp)
                    as active_regulars
            from {user_items} as pairs
            inner join accounts on pairs.user_id = accounts.user_id
            semi join grown on pairs.item_id = grown.item_id
            where pairs.weight > 0
            group by pairs.item_id
        )
        select grown.item_id, grown.shown_before, grown.shown_now, takers.supporters, takers.newcomers
        from grown
        inner join takers on grown.item_id = takers.item_id
        cross join totals
        where
            takers.supporters >= $min_supporters
            and takers.newcomers > 0.5 * takers.supporters
            and takers.newcomers / totals.newcomers > $times_as_often * greatest(
                coalesce(takers.regulars / nullif(totals.regulars, 0), 0),
                coalesce(takers.active_regulars / nullif(totals.active_regulars, 0), 0)
            )
        order by grown.shown_now - grown.shown_before desc, grown.item_id
        """,
        {
            "k": K,
            "since": since,
            "most_growth": most_growth,
            "min_lists": MIN_LISTS,
            "min_share": MIN_SHARE,
            "min_supporters": MIN_SUPPORTERS,
            "times_as_often": TIMES_AS_OFTEN,
        },
    ).fetchall()
    return [PushedItem(*row) for row in found]
