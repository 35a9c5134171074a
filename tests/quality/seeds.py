"""A little world in which every check holds, and for each check the one fault that only it catches."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from include.config.domain import Domain, load_domain
from include.contracts import TABLES
from include.quality.gate_report import GateContext

AS_OF = datetime(2026, 3, 1)

DOMAIN = """\
domain: seeds
events:
  types:
    rating: {weight: value}
    view: {weight: 1}
list_size: 3
quality:
  min_events: 3
  min_users: 2
  min_items: 2
  max_quarantined_share: 0.5
  max_unknown_items_share: 0.25
"""

INPUT = {
    "events": "raw.events",
    "items": "raw.items",
    "users": "raw.users",
    "relations": "raw.relations",
    "ingests": "ops.ingests",
}
OUTPUT = {
    "recommendations": "serving.recommendations",
    "candidate_lists": "serving.candidate_lists",
    "similar_items": "serving.similar_items",
    "popular_items": "serving.popular_items",
    "items": "raw.items",
    "consumed": "consumed",
    "users": "listeners",
    "live_users": "live_users",
}

FEATURES = {"user_items": "features.user_items"}

GOOD = """
insert into raw.events by name
    select id as event_id, user_id, item_id, type as event_type, timestamp '2026-02-01' as event_at, value,
    'b1' as batch_id, timestamp '2026-02-02' as ingested_at from (values
    ('e1', 'u1', 'i1', 'rating', 4.0), ('e2', 'u1', 'i2', 'view', null),
    ('e3', 'u2', 'i1', 'view', null), ('e4', 'u2', 'i3', 'view', null)) v (id, user_id, item_id, type, value);
-- i7 is not to be had yet, i8 no more.
insert into raw.items by name select 'i' || n as item_id, 'Title ' || n as title,
    case n when 7 then timestamp '2026-04-01' when 6 then timestamp '2026-03-01' end as available_from,
    case n when 8 then timestamp '2026-03-01' end as available_to from range(1, 9) r (n);
insert into raw.users by name select unnest(['u1', 'u2']) as user_id;
insert into raw.relations by name select 'i1' as item_id, unnest(['series', 'author']) as relation,
    'i2' as other_item_id, 1.0 as weight;
update raw.items set vectors = '{"image": [1, 2]}' where item_id in ('i1', 'i2', 'i3');
insert into ops.ingests by name select 'b1' as batch_id, 'events' as source, 'ingested' as status,
    100 as rows_in, 40 as accepted, 50 as quarantined, 10 as deduplicated,
    timestamp '2026-03-01' as ingested_at;
create temp table listeners as select * from (values ('u1'), ('u2'), ('u3')) v (user_id);
create temp table live_users as select * from listeners;
create temp table consumed as
    select * from (values ('u1', 'i1'), ('u1', 'i2'), ('u2', 'i1')) v (user_id, item_id);
insert into features.user_items by name select user_id, item_id, 1.0 as weight, 1 as events,
    timestamp '2026-02-01' as first_event_at, timestamp '2026-02-01' as last_event_at,
    timestamp '2026-03-01' as as_of from consumed;
insert into serving.recommendations select user_id, n, 'i' || (n + 2), 4.0 - n, 'als', 'because', 'm1', 'p1',
    timestamp '2026-03-01', 0.5 from listeners, range(1, 4) r (n);
insert into serving.candidate_lists select user_id, source, ['i3', 'i4', 'i5'], [3.0, 2.0, 1.0], 'p1'
    from listeners, (values ('als'), ('text')) s (source);
insert into serving.similar_items select 'i' || n, k, 'i' || (n + k), 1.0 / k, 'alike', 'p1'
    from range(1, 5) r (n), range(1, 3) s (k);
insert into serving.popular_items select segment, n, 'i' || n, 4.0 - n, 'p1'
    from (values ('all'), ('age=young')) s (segment), range(1, 4) r (n);
"""

# What a run leaves in the lake beside its lists.
RUNS = """
insert into serving.publications by name select 'p1' as publication_id, 'nightly' as kind,
    timestamp '2026-03-01' as as_of, timestamp '2026-03-01 00:10' as published_at, 'm1' as model_version,
    3 as users, 9 as rows, 'r1' as run_id;
insert into ops.quality_results by name select 'r1' as run_id, 'input' as suite,
    unnest(['a', 'b']) as expectation, true as is_success, 'critical' as severity, '0' as observed,
    '0 rows' as "limit", timestamp '2026-03-01' as checked_at;
insert into features.user_portraits by name select 'u1' as user_id, 'Mostly slow.' as profile,
    [{'attribute': 'tag', 'label': 'slow', 'weight': 0.5, 'recent_weight': 0.5, 'lift': 2.0},
     {'attribute': 'tag', 'label': 'sad', 'weight': 0.25, 'recent_weight': 0.0, 'lift': 1.5}] as interests;
insert into ops.model_versions by name select 'm1' as model_version, 'champion' as status, 'r1' as run_id;
insert into ops.evaluations by name select 'r1' as run_id, 'pipeline' as subject, 'ndcg' as metric, 10 as k,
    0.5 as value;
"""

_E1 = "where event_id = 'e1'"
_E2 = "where event_id = 'e2'"
_LAST = "where user_id = 'u1' and \"rank\" = 3"

OPTIONAL = {
    "events": {"value": "4.0", **dict.fromkeys(("session_id", "variant", "context", "text"), "'{}'")},
    "items": {
        **dict.fromkeys(("description", "category", "tags", "attributes"), "'{}'"),
        "vectors": """'{"image": [1, 2]}'""",
        "updated_at": "timestamp '2026-02-01'",
    },
    "users": {"attributes": "'{}'"},
}


def _vanished(kind: str, field: str, given: str) -> str:
    """A hundred rows and one of the day before yesterday have the field, as many since yesterday have not."""
    rest = {
        "events": "'v' || n as event_id, 'u1' as user_id, 'i1' as item_id, 'view' as event_type,"
        " 'b1' as batch_id, timestamp '2026-02-01' as event_at",
        "items": "'v' || n as item_id, 'Title' as title",
        "users": "'v' || n as user_id",
    }[kind]
    return (
        f"insert into raw.{kind} by name select {rest}, if(n < 101, null, {given}) as {field},"
        " timestamp '2026-03-01' - to_hours(if(n < 101, 1, 48)) as ingested_at from range(202) as rows (n)"
    )


INPUT_FAULTS = {
    "events: there are enough events": "delete from raw.events where event_id in ('e2', 'e3')",
    "there are enough users with events": "update raw.events set user_id = 'u1'",
    "there are enough items with events": "update raw.events set item_id = 'i1'",
    "events know their items": "update raw.events set item_id = 'x' where event_id in ('e2', 'e3')",
    **{
        f"events: {column} is given": f"update raw.events set {column} = null {_E2}"
        for column in ("event_id", "user_id", "item_id", "event_type", "event_at", "batch_id", "ingested_at")
    },
    "events: user_id is not blank": f"update raw.events set user_id = '  ' {_E2}",
    "events: item_id is not blank": f"update raw.events set item_id = '' {_E2}",
    "events: event_id is there once": f"insert into raw.events select * from raw.events {_E1}",
    "events: event_type is one of the domain's": f"update raw.events set event_type = 'buy' {_E2}",
    "events: event_at is not before the earliest instant": (
        f"update raw.events set event_at = '1970-01-01' {_E2}"
    ),
    "events: event_at is not after it was taken in": (
        f"update raw.events set event_at = '2026-02-02 00:05:01' {_E2}"
    ),
    "events: value is a finite number": f"update raw.events set value = 'inf' {_E2}",
    "events: value is given where it is the weight (rating)": f"update raw.events set value = null {_E1}",
    "items: item_id is given": "update raw.items set item_id = null where item_id = 'i8'",
    "items: item_id is not blank": "update raw.items set item_id = ' ' where item_id = 'i8'",
    "items: item_id is there once": "insert into raw.items select * from raw.items where item_id = 'i1'",
    "items: title is given": "update raw.items set title = null where item_id = 'i1'",
    "items: available_from is before available_to": (
        "update raw.items set available_to = '2026-04-01' where item_id = 'i7'"
    ),
    "items: vectors of one name have one length": (
        """update raw.items set vectors = '{"image": [1, 2, 3]}' where item_id = 'i3'"""
    ),
    "relations: item_id is given": "update raw.relations set item_id = null where relation = 'author'",
    "relations: other_item_id is given": (
        "update raw.relations set other_item_id = null where relation = 'author'"
    ),
    "relations: no item is related to itself": "update raw.relations set other_item_id = 'i1'",
    "relations: a relation is there once": "update raw.relations set relation = 'author'",
    "relations: weight is from 0": "update raw.relations set weight = -1 where relation = 'author'",
    "relations: related items are known": "update raw.relations set other_item_id = 'x'",
    "users: user_id is given": "update raw.users set user_id = null where user_id = 'u1'",
    "users: user_id is not blank": "update raw.users set user_id = '' where user_id = 'u1'",
    "users: user_id is there once": "insert into raw.users select * from raw.users",
    "ingests: rows in = accepted + quarantined + deduplicated": "update ops.ingests set rows_in = 101",
    "the newest day has its usual share of events": (
        "insert into raw.events by name select 'w' || weeks.n || '-' || r.n as event_id, 'u1' as user_id,"
        " 'i1' as item_id, 'view' as event_type, 'b1' as batch_id, timestamp '2026-02-28 23:00'"
        " - to_days((7 * weeks.n)::int) as event_at, event_at + interval 30 minutes as ingested_at"
        " from range(5) weeks (n), range(101) r (n) where weeks.n > 0 or r.n < 10"
    ),
    **{
        f"{kind}: {field} is given about as often as before": _vanished(kind, field, given)
        for kind, fields in OPTIONAL.items()
        for field, given in fields.items()
    },
    "few enough rows were quarantined": "update ops.ingests set quarantined = 60, rows_in = 110",
    "ingests: every file could be read": "update ops.ingests set status = 'unreadable'",
}

_PAIR = "where user_id = 'u1' and item_id = 'i2'"

FEATURE_FAULTS = {
    "user_items: there are pairs": "delete from features.user_items",
    **{
        f"user_items: {column} is given": f"update features.user_items set {column} = null {_PAIR}"
        for column in TABLES["features.user_items"].column_names
    },
    "user_items: a pair is there once": f"insert into features.user_items from features.user_items {_PAIR}",
    "user_items: weights are finite": f"update features.user_items set weight = 'nan' {_PAIR}",
    "user_items: a pair has events": f"update features.user_items set events = 0 {_PAIR}",
    "user_items: the first event is not after the last": (
        f"update features.user_items set first_event_at = '2026-02-02' {_PAIR}"
    ),
    "user_items: no event is after as_of": (
        f"update features.user_items set last_event_at = '2026-03-01 00:00:01' {_PAIR}"
    ),
}

# Every rank, score and id of the four serving tables in turn.
_OWNERS = {
    "recommendations": f"serving.recommendations {_LAST}",
    "candidate_lists": "serving.candidate_lists where user_id = 'u1' and source = 'als'",
    "similar_items": "serving.similar_items where item_id = 'i1' and \"rank\" = 2",
    "popular_items": "serving.popular_items where segment = 'age=young' and \"rank\" = 3",
}


def _set(table: str, assignment: str, where: str | None = None) -> str:
    path, _, condition = _OWNERS[table].partition(" where ")
    return f"update {path} set {assignment} where {where or condition}"


def _missing(table: str) -> dict[str, str]:
    """A row with everything but one column; one more row where the column says whose row it is."""
    path, _, condition = _OWNERS[table].partition(" where ")
    owner = TABLES[path].columns[0].name
    faults = {
        f"{table}: {column} is given": _set(table, f'"{column}" = null')
        for column in TABLES[path].column_names
    }
    first = "source = 'als'" if table == "candidate_lists" else '"rank" = 1'
    faults[f"{table}: {owner} is given"] = (
        f"insert into {path} select * replace (null as {owner}) from {path} where {first} limit 1"
    )
    return faults


OUTPUT_FAULTS = {
    "recommendations: there are lists": (
        "delete from serving.recommendations; delete from listeners; delete from live_users"
    ),
    **_missing("recommendations"),
    "recommendations: source is not blank": _set("recommendations", "source = ''"),
    "recommendations: reason is not blank": _set("recommendations", "reason = ' '"),
    "recommendations: a user has a rank once": _set("recommendations", '"rank" = 2, score = 2.0'),
    "recommendations: a user has an item once": _set("recommendations", "item_id = 'i4'"),
    "recommendations: ranks run from 1 without a gap": _set("recommendations", '"rank" = 4'),
    "recommendations: scores are finite": (
        "update serving.recommendations set score = 'inf' where user_id = 'u1' and \"rank\" = 1"
    ),
    "recommendations: scores do not rise with rank": _set("recommendations", "score = 2.5"),
    "recommendations: items exist": _set("recommendations", "item_id = 'x'"),
    "recommendations: items are available": _set("recommendations", "item_id = 'i8'"),
    "recommendations: nothing consumed is listed": _set("recommendations", "item_id = 'i2'"),
    "recommendations: lists are full": f"delete from serving.recommendations {_LAST}",
    "recommendations: lists are not too long": (
        "insert into serving.recommendations select * replace (4::int as \"rank\", 'i6' as item_id)"
        f" from serving.recommendations {_LAST}"
    ),
    "candidate_lists: there are candidates": "delete from serving.candidate_lists",
    **_missing("candidate_lists"),
    "candidate_lists: source is not blank": _set("candidate_lists", "source = ''"),
    "candidate_lists: a user has a source once": _set("candidate_lists", "source = 'text'"),
    "candidate_lists: a source brings an item once": _set("candidate_lists", "item_ids = ['i3', 'i4', 'i3']"),
    "candidate_lists: every item has its score": _set("candidate_lists", "source_scores = [1.0]"),
    "candidate_lists: scores are finite": _set("candidate_lists", "source_scores = [2, 'nan'::float, 1]"),
    "candidate_lists: items exist": _set("candidate_lists", "item_ids = ['i3', 'x', 'i4']"),
    "similar_items: there are similar items": "delete from serving.similar_items",
    **_missing("similar_items"),
    "similar_items: an item has a rank once": _set("similar_items", '"rank" = 1, score = 1.0'),
    "similar_items: an item has a similar one once": _set("similar_items", "similar_item_id = 'i2'"),
    "similar_items: ranks run from 1 without a gap": _set("similar_items", '"rank" = 3'),
    "similar_items: scores are finite": (
        "update serving.similar_items set score = 'inf' where item_id = 'i1' and \"rank\" = 1"
    ),
    "similar_items: scores do not rise with rank": _set("similar_items", "score = 2.0"),
    "similar_items: no item is similar to itself": _set("similar_items", "similar_item_id = 'i1'"),
    "similar_items: items exist": "update serving.similar_items set item_id = 'x' where item_id = 'i1'",
    "similar_items: similar items exist": _set("similar_items", "similar_item_id = 'x'"),
    **_missing("popular_items"),
    "popular_items: a segment has a rank once": _set("popular_items", '"rank" = 2, score = 2.0'),
    "popular_items: a segment has an item once": _set("popular_items", "item_id = 'i2'"),
    "popular_items: ranks run from 1 without a gap": _set("popular_items", '"rank" = 4'),
    "popular_items: scores are finite": (
        "update serving.popular_items set score = 'inf' where segment = 'age=young' and \"rank\" = 1"
    ),
    "popular_items: scores do not rise with rank": _set("popular_items", "score = 2.5"),
    "popular_items: items exist": _set("popular_items", "item_id = 'x'"),
    "popular_items: items are available": _set("popular_items", "item_id = 'i7'"),
    "the fallback (popular_items, segment 'all') is full": (
        "delete from serving.popular_items where segment = 'all' and \"rank\" = 3"
    ),
    "live users keep a list": "insert into live_users values ('u9')",
    "lists differ from person to person": (
        "insert into serving.recommendations select lists.* replace ('like u1 ' || n as user_id)"
        " from serving.recommendations as lists, range(20) r (n) where user_id = 'u1'"
    ),
    "lists are not in the order of ids": (
        "insert into serving.recommendations select lists.* replace"
        " ('stranger ' || n as user_id, 'i' || (\"rank\" + 1 + n % 2) as item_id, 0.0 as score)"
        " from serving.recommendations as lists, range(20) r (n) where user_id = 'u1'"
    ),
    "the set is of one publication": "update serving.candidate_lists set publication_id = 'p0'",
}


def seeded_domain(folder: Path) -> Domain:
    path = folder / "seeds.yaml"
    path.write_text(DOMAIN)
    return load_domain(path)


def context(domain: Domain) -> GateContext:
    return GateContext(domain, "r1", AS_OF, AS_OF + timedelta(hours=1))


def seeded_connection() -> duckdb.DuckDBPyConnection:
    """The good world in memory, in tables of the contract's columns."""
    con = duckdb.connect()
    for table in TABLES.values():
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        con.execute(f"create schema if not exists {table.schema}; create table {table.path} ({columns})")
    con.execute(GOOD)
    return con
