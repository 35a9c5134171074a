"""What must hold of a serving set before readers see it: the one definition.

The nightly audits the whole staged set through Great Expectations; a refresh audits the lists that it touched
with the same rules in plain SQL.
"""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.contracts import SERVING_SET, TABLES
from include.features.item_availability import available_sql
from include.quality.check_kinds import FIGURES, Check, Figure, NoRows, NotNull, RowCount, Unique
from include.quality.input_checks import instant
from include.ranking.first_places import K
from include.retrieval.registry import SOURCES

# This many people with one list, or with a list in the order of ids, are no chance.
MANY = 20
# What a refresh brings; `users`: user_id of everyone who must have a list, `items`: item_id, available_from,
# available_to, `consumed`: user_id, item_id that must not be listed (empty where the domain allows it).
TOUCHED_RELATIONS = ("recommendations", "candidate_lists", "items", "consumed", "users")
# What a whole set brings besides; `live_users`: user_id of everyone who has a list now.
OUTPUT_RELATIONS = (*TOUCHED_RELATIONS, "similar_items", "popular_items", "live_users")


def output_checks(domain: Domain, *, as_of: datetime, whole: bool = True) -> tuple[Check, ...]:
    """as_of: items must be available then.  whole: the set replaces all that is live; else touched users."""
    checks = (*_list_checks(domain, as_of), *_candidate_checks())
    if whole:
        checks = (
            # Of touched users all may have had everything; who must have a list is held to a full one.
            Check("recommendations", "there are lists", RowCount(1)),
            Check("candidate_lists", "there are candidates", RowCount(1)),
            *checks,
            *_repeat_checks(),
            *_similar_checks(),
            *_popular_checks(domain, as_of),
            *_set_checks(domain),
        )
    return checks


def _list_checks(domain: Domain, as_of: datetime) -> tuple[Check, ...]:
    return (
        *_given("recommendations"),
        Check("recommendations", "source is not blank", _not_blank("source")),
        Check("recommendations", "reason is not blank", _not_blank("reason")),
        Check("recommendations", "a user has a rank once", Unique(("user_id", "rank"))),
        Check("recommendations", "a user has an item once", Unique(("user_id", "item_id"))),
        Check("recommendations", "ranks run from 1 without a gap", _without_gap("user_id")),
        Check("recommendations", "scores are finite", _finite("score")),
        Check("recommendations", "scores do not rise with rank", _falling("user_id")),
        Check("recommendations", "items exist", _existing("item_id")),
        Check("recommendations", "items are available", _available(as_of)),
        Check(
            "recommendations",
            "nothing consumed is listed",
            NoRows("select lists.* from {batch} as lists semi join gate_consumed using (user_id, item_id)"),
        ),
        Check("recommendations", "lists are full", _full_lists(domain, as_of)),
        Check(
            "recommendations",
            "lists are not too long",
            NoRows(f"select user_id from {{batch}} group by user_id having count(*) > {domain.list_size}"),
        ),
    )


def _candidate_checks() -> tuple[Check, ...]:
    """On the lists themselves: as a row an item they would be a thousand a user."""
    table = "candidate_lists"
    return (
        *_given(table),
        Check(table, "source is not blank", _not_blank("source")),
        Check(table, "a user has a source once", Unique(("user_id", "source"))),
        Check(
            table,
            "every item has its score",
            NoRows("select * from {batch} where len(item_ids) <> len(source_scores)"),
        ),
        Check(
            table,
            "scores are finite",
            NoRows("select * from {batch} where not isfinite(list_sum(source_scores))"),
        ),
        Check(
            table,
            "items exist",
            NoRows(
                "select item_id from (select distinct unnest(item_ids) as item_id from {batch})"
                " anti join gate_items using (item_id)"
            ),
        ),
    )


def _repeat_checks() -> tuple[Check, ...]:
    """Of a whole set alone: a quarter of a second for the lists of a thousand users."""
    return (
        Check(
            "candidate_lists",
            "a source brings an item once",
            NoRows("select * from {batch} where len(list_distinct(item_ids)) <> len(item_ids)"),
        ),
    )


def _similar_checks() -> tuple[Check, ...]:
    return (
        # A catalogue of one item has no similar ones: told, not refused.
        Check("similar_items", "there are similar items", RowCount(1), "warning"),
        *_given("similar_items"),
        Check("similar_items", "an item has a rank once", Unique(("item_id", "rank"))),
        Check("similar_items", "an item has a similar one once", Unique(("item_id", "similar_item_id"))),
        Check("similar_items", "ranks run from 1 without a gap", _without_gap("item_id")),
        Check("similar_items", "scores are finite", _finite("score")),
        Check("similar_items", "scores do not rise with rank", _falling("item_id")),
        Check(
            "similar_items",
            "no item is similar to itself",
            NoRows("select * from {batch} where item_id = similar_item_id"),
        ),
        Check("similar_items", "items exist", _existing("item_id")),
        Check("similar_items", "similar items exist", _existing("similar_item_id")),
    )


def _popular_checks(domain: Domain, as_of: datetime) -> tuple[Check, ...]:
    fewest = (
        f"ceil({domain.quality.min_list_share:g} * least({domain.list_size},"
        f" (select count(distinct item_id) from gate_items where {available_sql(instant(as_of))})))"
    )
    return (
        *_given("popular_items"),
        Check("popular_items", "a segment has a rank once", Unique(("segment", "rank"))),
        Check("popular_items", "a segment has an item once", Unique(("segment", "item_id"))),
        Check("popular_items", "ranks run from 1 without a gap", _without_gap("segment")),
        Check("popular_items", "scores are finite", _finite("score")),
        Check("popular_items", "scores do not rise with rank", _falling("segment")),
        Check("popular_items", "items exist", _existing("item_id")),
        Check("popular_items", "items are available", _available(as_of)),
        Check(
            FIGURES,
            "the fallback (popular_items, segment 'all') is full",
            Figure(
                "fallback_missing",
                f"select greatest(1, {fewest}) - count(*) from gate_popular_items where segment = 'all'",
                at_most=0,
            ),
        ),
    )


def _set_checks(domain: Domain) -> tuple[Check, ...]:
    ids = " union all ".join(f"select publication_id from gate_{part}" for part in SERVING_SET)
    return (
        Check(
            FIGURES,
            "live users keep a list",
            Figure(
                "live_users_share",
                "select coalesce(avg((lists.user_id is not null)::int), 1)"
                " from (select distinct user_id from gate_live_users) as live"
                " left join (select distinct user_id from gate_recommendations) as lists"
                " on live.user_id = lists.user_id",
                at_least=domain.quality.min_users_share,
            ),
        ),
        # Both are what a model looks like that says nothing of anybody; few people may be alike by chance.
        Check(FIGURES, "lists differ from person to person", _alike_lists()),
        Check(FIGURES, "lists are not in the order of ids", _lists_by_id(domain)),
        Check(
            FIGURES,
            "the set is of one publication",
            Figure("publications", f"select count(distinct publication_id) from ({ids})", at_most=1),
        ),
    )


def _alike_lists() -> Figure:
    """People who all share one list that is not made of what everybody gets."""
    impersonal = ", ".join(f"'{name}'" for name, source in SOURCES.items() if not source.is_personal)
    return Figure(
        "alike_lists",
        'with tops as (select user_id, list(item_id order by "rank") as items'
        f' from gate_recommendations where "rank" <= {K}'
        f" group by user_id having bool_or(source not in ({impersonal}))),"
        " shared as (select count(*) as people from tops group by items)"
        f" select case when count(*) = 1 and max(people) >= {MANY} then max(people) else 0 end"
        " from shared",
        at_most=0,
    )


def _lists_by_id(domain: Domain) -> Figure:
    """Lists with one score throughout, in the order of ids, though popularity tells items apart."""
    return Figure(
        "lists_by_id",
        "with flat as (select user_id from gate_recommendations group by user_id"
        f" having count(*) >= {min(K, domain.list_size)} and min(score) = max(score)"
        ' and list(item_id order by "rank") = list(item_id order by item_id)),'
        " popular as (select coalesce(min(score) = max(score), true) as is_flat"
        " from gate_popular_items where segment = 'all')"
        f" select case when count(*) >= {MANY} and not (select is_flat from popular)"
        " then count(*) else 0 end from flat",
        at_most=0,
    )


def _given(table: str) -> tuple[Check, ...]:
    columns = TABLES[f"serving.{table}"].column_names
    return tuple(Check(table, f"{column} is given", NotNull(column)) for column in columns)


def _not_blank(column: str) -> NoRows:
    return NoRows(f"select * from {{batch}} where trim({column}) = ''")


def _finite(column: str) -> NoRows:
    return NoRows(f"select * from {{batch}} where not isfinite({column})")


def _without_gap(owner: str) -> NoRows:
    # With each rank there once, the greatest equals the count only when none is left out.
    return NoRows(
        f"select {owner} from {{batch}} group by {owner}"
        ' having min("rank") <> 1 or max("rank") <> count(distinct "rank")'
    )


def _falling(owner: str) -> NoRows:
    return NoRows(
        f'select {owner}, "rank" from {{batch}} qualify score > lag(score) over'
        f' (partition by {owner} order by "rank" rows between unbounded preceding and current row)'
    )


def _existing(column: str) -> NoRows:
    return NoRows(
        f"select rows.* from {{batch}} as rows anti join gate_items as items"
        f" on rows.{column} = items.item_id where rows.{column} is not null"
    )


def _available(as_of: datetime) -> NoRows:
    return NoRows(
        "select rows.* from {batch} as rows semi join (select item_id from gate_items"
        f" where not {available_sql(instant(as_of))}) as gone on rows.item_id = gone.item_id"
    )


def _full_lists(domain: Domain, as_of: datetime) -> NoRows:
    """Lists shorter than the domain's share of what is possible: the list size, or all that may be listed."""
    return NoRows(
        "with available as (select distinct item_id from gate_items"
        f" where {available_sql(instant(as_of))}),"
        " barred as (select consumed.user_id, count(distinct consumed.item_id) as items"
        " from gate_consumed as consumed inner join available on consumed.item_id = available.item_id"
        " group by consumed.user_id),"
        " lists as (select user_id, count(*) as items from {batch} group by user_id)"
        " select users.user_id from (select distinct user_id from gate_users) as users"
        " left join lists on users.user_id = lists.user_id"
        " left join barred on users.user_id = barred.user_id"
        f" where coalesce(lists.items, 0) < ceil({domain.quality.min_list_share:g} *"
        f" least({domain.list_size}, (select count(*) from available) - coalesce(barred.items, 0)))"
    )
