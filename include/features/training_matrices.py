"""Lake tables as the matrices that the recommender works on: set-based reads, ids as sorted numpy arrays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from include.chat.item_labels import load_told_labels
from include.config.domain import Domain
from include.config.segment_words import segment_name
from include.features.confidence import confidence_of, decay_sql, event_weight_sql
from include.features.item_availability import available_sql, every_item_sql
from include.features.landed_labels import load_labels
from include.features.landed_relations import load_relations
from include.features.landed_vectors import load_vectors
from include.interactions.catalogue import Catalogue, make_catalogue
from include.interactions.histories import NO_SEGMENT, Histories, histories_from_pairs
from include.interactions.interactions import make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.recommender.model import Recommender
from include.texts.embed import load_embeddings

# Numeric attributes that most items carry (price, year); more only cost the ranker memory.
MAX_ATTRIBUTES = 8
MIN_ATTRIBUTE_SHARE = 0.5
# Of titles, categories and segments: what lists and reasons show. Beyond it nobody tells two apart.
SHOWN_CHARACTERS = 200
# A segment must be large enough for a popularity of its own.
MAX_SEGMENTS = 20


def _columns(
    con: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object] | None = None
) -> dict[str, np.ndarray]:
    """A query's columns; NULL in a number column is NaN."""
    found = con.execute(sql, parameters or {}).fetchnumpy()
    return {
        name: np.ma.filled(column.astype(float), np.nan)
        if np.ma.isMaskedArray(column) and column.dtype != object
        else np.asarray(column)
        for name, column in found.items()
    }


def epoch_seconds(instant: datetime) -> float:
    """Naive UTC to epoch seconds."""
    return instant.replace(tzinfo=UTC).timestamp()


def load_catalogue(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    as_of: datetime,
    seen: str = "features.item_stats",
    at: str = "",
) -> Catalogue:
    """Every item there is, whether it is available at as_of; seen, at: see ``every_item_sql``."""
    rows = _columns(
        con,
        f"""
        select
            item_id,
            {_shown("title")} as title,
            left(coalesce(category, ''), {SHOWN_CHARACTERS}) as category,
            {available_sql("$as_of::timestamp")} as is_available
        from ({every_item_sql(seen, at)})
        order by item_id
        """,
        {"as_of": as_of},
    )
    item_ids = np.asarray(rows["item_id"], dtype=str)
    category = np.asarray(rows["category"], dtype=str)
    found = make_catalogue(
        item_ids,
        titles=np.asarray(rows["title"], dtype=str),
        category=category if (category != "").any() else None,
        embeddings=load_embeddings(con, domain, item_ids),
        is_available=np.asarray(rows["is_available"], dtype=bool),
        attributes=_numeric_attributes(con, item_ids),
        labels=load_labels(con, item_ids),
        vectors=load_vectors(con, item_ids),
        relations=load_relations(con, item_ids),
    )
    return replace(found, told=load_told_labels(con, domain, item_ids))


def _shown(column: str) -> str:
    """As a reason can show it. Arrays of text take the length of the longest for every row."""
    cut = f"left({column}, {SHOWN_CHARACTERS - 1}) || '…'"
    return f"case when length({column}) > {SHOWN_CHARACTERS} then {cut} else coalesce({column}, '') end"


def load_training(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    as_of: datetime,
    *,
    user_items: str,
    item_stats: str,
    snapshot: int,
) -> TrainingData:
    """Everything up to as_of, of the lake at ``snapshot``; embeddings as they are now.

    user_items, item_stats: relations of the features that Spark built for the same as_of and snapshot.

    Rows are all users with events, and those of raw.users without: they get the lists of newcomers.
    """
    at = f"at (version => {int(snapshot)})"
    catalogue = load_catalogue(con, domain, as_of, item_stats, at)
    con.register("_items", _ids_table(catalogue.item_ids))
    users = con.execute(
        f"select user_id from {user_items} union select user_id from raw.users {at} order by user_id"
    ).fetchnumpy()["user_id"]
    user_ids = np.asarray(users, dtype=str)
    con.register("_users", _ids_table(user_ids))
    confidence = confidence_of(domain.events)
    events = _columns(
        con,
        f"""
        select
            users.position as user_idx, items.position as item_idx,
            epoch(events.event_at) as event_at, events.weight
        from (
            select user_id, item_id, event_at, event_id, {event_weight_sql(confidence)} as weight
            from raw.events {at}
            where event_type in (select unnest($types))
        ) as events
        inner join _users as users on events.user_id = users.id
        inner join _items as items on events.item_id = items.id
        where events.event_at <= $as_of::timestamp
        order by events.event_at, users.position, items.position, events.event_id
        """,
        {"as_of": as_of, "types": list(confidence.weights)},
    )
    names, segments = load_segments(con, user_ids, domain.segment_by)
    seen_days = _seen_days(con, at, as_of, len(user_ids))
    histories = _histories(con, user_items, as_of, domain, len(user_ids), len(catalogue))
    con.unregister("_users")
    con.unregister("_items")
    return make_training_data(
        user_ids,
        catalogue,
        make_interactions(events["user_idx"], events["item_idx"], events["event_at"], events["weight"]),
        as_of=epoch_seconds(as_of),
        half_life_days=domain.events.half_life_days,
        histories=histories,
        segments=segments,
        segment_names=names,
        seen_days=seen_days,
    )


def _seen_days(con: duckdb.DuckDBPyConnection, at: str, as_of: datetime, n_users: int) -> np.ndarray:
    """float32 (n_users,), see `TrainingData`: of the users in ``_users``, by when their first event was taken
    in, up to when the newest was.

    By the lake's own clock alone, so that the same events give the same, whenever they are looked at.
    """
    found = _columns(
        con,
        f"""
        with accounts as (
            select user_id, min(ingested_at) as seen_at, max(ingested_at) as last_at
            from raw.events {at} where event_at <= $as_of::timestamp group by user_id
        )
        select users.position, epoch(max(last_at) over () - seen_at) / 86400 as seen_days,
            seen_at <= min(seen_at) over () + interval 1 day as is_first
        from accounts inner join _users as users on accounts.user_id = users.id
        """,
        {"as_of": as_of},
    )
    seen = np.full(n_users, np.inf, np.float32)
    position = found["position"].astype(np.int64)
    seen[position] = np.where(found["is_first"].astype(bool), np.inf, found["seen_days"])
    return seen


def load_histories(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    user_ids: np.ndarray,
    recommender: Recommender,
    as_of: datetime,
    user_items: str = "features.user_items",
) -> Histories:
    """The histories of some users, in their order, against the recommender's catalogue, as of ``as_of``.

    user_ids: str (n_users,), unique. A user without events gets an empty row.
    """
    item_ids = recommender.catalogue.item_ids
    con.register("_items", _ids_table(item_ids))
    con.register("_users", _ids_table(user_ids))
    histories = _histories(con, user_items, as_of, domain, len(user_ids), len(item_ids))
    con.unregister("_users")
    con.unregister("_items")
    _, segments = load_segments(con, user_ids, domain.segment_by, recommender.segment_names)
    return Histories(histories.weights, histories.age_days, histories.counts, histories.consumed, segments)


def load_segments(
    con: duckdb.DuckDBPyConnection,
    user_ids: np.ndarray,
    attribute: str | None,
    names: tuple[str, ...] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Segment names ``attribute=value`` and each user's position among them, NO_SEGMENT where unknown.

    attribute: key of the users' attributes; None: none. names: those of the model; None: found in the data,
    the most frequent MAX_SEGMENTS values.
    """
    unknown = np.full(len(user_ids), NO_SEGMENT, np.int32)
    if attribute is None:
        return (), unknown
    path = '$."' + attribute.replace('"', "") + '"'
    if names is None:
        found = con.execute(
            f"select left(json_extract_string(attributes, $path), {SHOWN_CHARACTERS}) as value from raw.users"
            " where value is not null group by value order by count(*) desc, value limit $most",
            {"path": path, "most": MAX_SEGMENTS},
        ).fetchall()
        names = tuple(segment_name(attribute, value) for (value,) in found)
    con.register("_segment_users", _ids_table(user_ids))
    rows = con.execute(
        f"select wanted.position,"
        f" left(json_extract_string(users.attributes, $path), {SHOWN_CHARACTERS}) as value"
        " from _segment_users as wanted inner join raw.users as users on wanted.id = users.user_id"
        " where value is not null",
        {"path": path},
    ).fetchall()
    con.unregister("_segment_users")
    place = {name: position for position, name in enumerate(names)}
    for position, value in rows:
        unknown[position] = place.get(segment_name(attribute, value), NO_SEGMENT)
    return names, unknown


def _histories(
    con: duckdb.DuckDBPyConnection,
    user_items: str,
    as_of: datetime,
    domain: Domain,
    n_users: int,
    n_items: int,
) -> Histories:
    """Rows of ``user_items`` brought to as_of, for the users in ``_users`` and the items in ``_items``."""
    decay = decay_sql("pairs.as_of", "$as_of::timestamp", domain.events.half_life_days)
    pairs = _columns(
        con,
        f"""
        select
            users.position as user_idx,
            items.position as item_idx,
            pairs.weight * {decay} as weight,
            (epoch_us($as_of::timestamp) - epoch_us(pairs.last_event_at)) / 86400e6 as age_days,
            pairs.events as counts
        from {user_items} as pairs
        inner join _users as users on pairs.user_id = users.id
        inner join _items as items on pairs.item_id = items.id
        """,
        {"as_of": as_of},
    )
    return histories_from_pairs(
        pairs["user_idx"],
        pairs["item_idx"],
        np.nan_to_num(pairs["weight"]),
        pairs["age_days"],
        pairs["counts"],
        n_users=n_users,
        n_items=n_items,
    )


def _ids_table(ids: np.ndarray) -> pa.Table:
    position = np.arange(len(ids), dtype=np.int32)
    return pa.table({"id": pa.array(ids, pa.string()), "position": pa.array(position)})


def _numeric_attributes(con: duckdb.DuckDBPyConnection, item_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Top-level numbers of raw.items.attributes that at least half of the items carry, NaN where missing."""
    if not len(item_ids):
        return {}
    con.register("_items", _ids_table(item_ids))
    found = _columns(
        con,
        """
        select entries.key as name, wanted.position, try_cast(entries.value as float) as value
        from raw.items as items
        inner join _items as wanted on items.item_id = wanted.id,
        json_each(items.attributes) as entries
        where json_valid(items.attributes) and entries.type in ('DOUBLE', 'BIGINT', 'UBIGINT')
        """,
    )
    con.unregister("_items")
    names, codes, counts = np.unique(
        np.asarray(found["name"], dtype=object), return_inverse=True, return_counts=True
    )
    kept = [n for n in np.argsort(-counts, kind="stable") if counts[n] >= MIN_ATTRIBUTE_SHARE * len(item_ids)]
    columns = {}
    for code in kept[:MAX_ATTRIBUTES]:
        column = np.full(len(item_ids), np.nan, np.float32)
        rows = codes == code
        column[found["position"][rows]] = found["value"][rows]
        columns[str(names[code])] = column
    return columns
