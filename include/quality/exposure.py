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
    it first since the last nightly; newcomers: those of them who are new since then, too. What events say
    of their time is not asked: an account that we saw for the first time is new, whatever it claims."""

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


@dataclass(frozen=True)
class LastNightly:
    """The newest published nightly: what its data went up to, and when it was published."""

    as_of: datetime
    published_at: datetime


def last_nightly(con: duckdb.DuckDBPyConnection) -> LastNightly | None:
    """None before the first."""
    row = con.execute(
        "select as_of, published_at from serving.publications where kind = 'nightly'"
        " order by as_of desc, published_at desc limit 1"
    ).fetchone()
    return LastNightly(*row) if row else None


def find_pushed_items(
    con: duckdb.DuckDBPyConnection,
    staged: str,
    user_items: str,
    user_stats: str,
    since: LastNightly,
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
        unseen as (
            select user_id from raw.events group by user_id having min(ingested_at) > $published_at::timestamp
        ),
        unseen_pairs as (
            select user_id, item_id from raw.events
            semi join grown using (item_id)
            group by user_id, item_id having min(ingested_at) > $published_at::timestamp
        ),
        accounts as (
            select
                stats.user_id,
                stats.first_event_at > $since::timestamp or unseen.user_id is not null as is_new,
                stats.last_event_at > $since::timestamp as is_active
            from {user_stats} as stats
            left join unseen on stats.user_id = unseen.user_id
        ),
        pairs as (
            select
                pairs.user_id,
                pairs.item_id,
                pairs.first_event_at > $since::timestamp or unseen_pairs.user_id is not null as is_new
            from {user_items} as pairs
            semi join grown on pairs.item_id = grown.item_id
            left join unseen_pairs
                on pairs.user_id = unseen_pairs.user_id and pairs.item_id = unseen_pairs.item_id
            where pairs.weight > 0
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
                count(*) filter (where pairs.is_new) as supporters,
                count(*) filter (where accounts.is_new) as newcomers,
                count(*) filter (where not accounts.is_new) as regulars,
                count(*) filter (where not accounts.is_new and pairs.is_new) as active_regulars
            from pairs
            inner join accounts on pairs.user_id = accounts.user_id
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
            "since": since.as_of,
            "published_at": since.published_at,
            "most_growth": most_growth,
            "min_lists": MIN_LISTS,
            "min_share": MIN_SHARE,
            "min_supporters": MIN_SUPPORTERS,
            "times_as_often": TIMES_AS_OFTEN,
        },
    ).fetchall()
    return [PushedItem(*row) for row in found]
