"""A tick: what arrived since the last one is taken in and visible in the lists it touches, in one commit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.config.domain import FIELDS, Domain
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, TABLES
from include.errors import GateError, OvertakenError
from include.ingest.batch import commit_batch
from include.ingest.staged_batch import BatchCounts, StagedBatch
from include.ingest.unlisted import Unlisted, enter_unlisted, find_unlisted, forget_unlisted
from include.lake.lake import Lake
from include.publish.champion import Champion, find_champion
from include.publish.publish import Publication, close_publication, open_publication
from include.quality.gate_report import GateContext
from include.quality.gates import run_batch_input_gate
from include.refresh.catch_up import flipped_items_sql
from include.refresh.champion_cache import current_model
from include.refresh.pairs import EarlyPairs, add_events, load_pairs, reading_pairs
from include.refresh.pending_rows import BatchSource
from include.refresh.refusal import keep_refusal
from include.refresh.relist import USERS as RELISTED
from include.refresh.relist import Relisted, find_relisted, relist
from include.texts.embed import embed_items

log = logging.getLogger(__name__)
EVENTS = "refreshed_events"
CHANGED = "refreshed_items"
USERS = "refreshed_users"
# Temporary tables without rows, for batches of a kind that did not come: the lake's own would be looked up.
_NOTHING = {kind: f"no_{kind}" for kind in ("events", "items", "users", "relations")}
_EVENT_FIELDS = ", ".join(name for name, _, _ in EVENT_FIELDS)


@dataclass(frozen=True)
class Tick:
    """What one tick did.  publication: None when no list had to change."""

    rows_in: int
    accepted: int
    users: int
    items: int
    rows: int
    seconds: float
    publication: Publication | None


def drain(
    lake: Lake,
    domain: Domain,
    source: BatchSource,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    progress: Callable[[Tick], None] | None = None,
) -> list[Tick]:
    """Tick until nothing waits: a doorbell may stand for many arrivals."""
    ticks: list[Tick] = []
    while True:
        try:
            tick = run_tick(lake, domain, source, run_id=run_id, now=clock())
        except OvertakenError as error:
            log.info("%s", error)  # what is left waits for the next look
            continue
        if tick is None:
            return ticks
        ticks.append(tick)
        if progress:
            progress(tick)


def run_tick(lake: Lake, domain: Domain, source: BatchSource, *, run_id: str, now: datetime) -> Tick | None:
    """One batch: rows, ledger, watermark, histories, lists and publication commit together, or not at all.

    now: wall clock, naive UTC. None: nothing waited. Before the first nightly there is no model: rows are
    taken in and no list is made. Raises GateError, ModelError or LakeError with nothing taken in, and the
    next tick gets the same batch again (see `keep_refusal`); OvertakenError where another writer took some of
    it in meanwhile.
    """
    started = time.monotonic()
    staged = source.stage(lake, domain, run_id, now)
    for batch in staged:
        if batch.kind == "items" and find_champion(lake):
            # Kept even if the gate refuses the batch: an embedding depends on nothing but its text.
            embed_items(lake, domain, run_id=run_id, embedded_at=now, items=_staged_items(batch))
    if not staged and not _is_anything_unlisted(lake) and not _has_flipped_items(lake, domain, now):
        return None

    def work(con: duckdb.DuckDBPyConnection) -> tuple[list[BatchCounts], Relisted, Publication | None]:
        with reading_pairs(con, _staged_users(staged)) as pairs:
            # In the transaction, and before the batch is committed: while this waited for its turn, a
            # nightly may have published another model, and listed what waited.
            champion = find_champion(lake)
            waiting = find_unlisted(con, domain.refresh.batch_rows) if champion else []
            counts = [commit_batch(con, batch) for batch in staged]
            _collect(con, staged, run_id)
            if staged:
                _check_batches(lake, domain, staged, run_id, now)
            if champion is None:
                for batch in staged:
                    enter_unlisted(con, batch.kind, batch.batch_id)
                return counts, Relisted(0, 0, 0), None
            _collect_waiting(con, waiting)
            forget_unlisted(con, waiting)
            has_items = any(batch.kind in ("items", "relations") for batch in staged)
            relisted, publication = _publish(lake, domain, champion, pairs, run_id, now, has_items)
        return counts, relisted, publication

    try:
        counts, relisted, publication = lake.write(work, run_id=run_id, message="refresh")
    except GateError as error:
        raise keep_refusal(lake, error, staged, run_id=run_id, now=now) from error
    seconds = time.monotonic() - started
    rows_in, accepted = sum(c.rows_in for c in counts), sum(c.accepted for c in counts)
    log.info(
        "tick: %d rows in, %d accepted, %d users listed, %.2f s", rows_in, accepted, relisted.users, seconds
    )
    return Tick(rows_in, accepted, relisted.users, relisted.items, relisted.rows, seconds, publication)


def _publish(
    lake: Lake,
    domain: Domain,
    champion: Champion,
    pairs: EarlyPairs,
    run_id: str,
    now: datetime,
    has_items: bool,
) -> tuple[Relisted, Publication | None]:
    """Lists of everyone whom the batch touched, inside the caller's transaction."""
    con = lake.con
    model = champion.load()
    as_of = _as_of(con, domain, champion, now)
    con.execute(
        f"insert into {CHANGED} {flipped_items_sql()}", {"before": champion.published_as_of, "as_of": as_of}
    )
    users, items = find_relisted(con, EVENTS, CHANGED, USERS)
    if not users and not items:
        return Relisted(0, 0, 0), None
    publication = open_publication(
        con,
        kind="refresh",
        as_of=as_of,
        published_at=now,
        model_version=champion.model_version,
        run_id=run_id,
        events_snapshot=lake.snapshot(),
    )
    current = current_model(lake, model, champion.checksum, domain, as_of, is_changed=has_items)
    load_pairs(con, RELISTED, pairs)
    add_events(con, EVENTS, domain.events, as_of)
    relisted = relist(con, model, domain, publication, as_of, current)
    close_publication(con, publication, relisted.users, relisted.rows)
    return relisted, publication


def _as_of(con: duckdb.DuckDBPyConnection, domain: Domain, champion: Champion, now: datetime) -> datetime:
    """The instant the lists are for: never before what is published or what the batch holds."""
    row = con.execute(f"select max(event_at) from {EVENTS}").fetchone()
    newest = row[0] if row else None
    instants = [champion.published_as_of, newest, now if domain.clock == "wall" else None]
    return max(instant for instant in instants if instant is not None)


def _collect(con: duckdb.DuckDBPyConnection, staged: list[StagedBatch], run_id: str) -> None:
    """What the commit accepted: events, users, and items whose content is new."""
    for kind, nothing in _NOTHING.items():
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[f"raw.{kind}"].columns)
        con.execute(f"create temp table if not exists {nothing} ({columns})")
    tables = {**_NOTHING, **{batch.kind: batch.accepted_table for batch in staged}}
    con.execute(f"create or replace temp table {EVENTS} as select * from {tables['events']}")
    con.execute(f"create or replace temp table {USERS} as select user_id from {tables['users']}")
    if tables["items"] != _NOTHING["items"]:
        con.execute(
            f"create or replace temp table {CHANGED} as"
            f" select item_id from {tables['items']} where is_new or is_changed"
        )
    else:
        con.execute(f"create or replace temp table {CHANGED} (item_id varchar)")
    if tables["relations"] != _NOTHING["relations"]:
        for end in ("item_id", "other_item_id"):
            con.execute(f"insert into {CHANGED} select {end} from {tables['relations']}")


def _is_anything_unlisted(lake: Lake) -> bool:
    """Whether others took in what no list knows yet; before the first nightly there is no list to know it."""
    return bool(find_unlisted(lake.con, max_rows=1)) and find_champion(lake) is not None


def _collect_waiting(con: duckdb.DuckDBPyConnection, waiting: Sequence[Unlisted]) -> None:
    """Add their rows to what `_collect` found."""
    for kind, table in (("items", CHANGED), ("users", USERS)):
        batches = [batch.batch_id for batch in waiting if batch.kind == kind]
        if batches:
            con.execute(
                f"insert into {table} select {kind[:-1]}_id from raw.{kind}"
                " where batch_id in (select unnest(?))",
                [batches],
            )
    related = [batch.batch_id for batch in waiting if batch.kind == "relations"]
    for end in ("item_id", "other_item_id") if related else ():
        con.execute(
            f"insert into {CHANGED} select {end} from raw.relations where batch_id in (select unnest(?))",
            [related],
        )
    for batch in waiting:
        if batch.kind == "events" and batch.first_event_at is not None:
            # The literal bound lets the lake skip the files before it.
            con.execute(
                f"insert into {EVENTS} by name select {_EVENT_FIELDS} from raw.events"
                f" where event_at >= timestamp '{batch.first_event_at}' and batch_id = $batch_id"
                " and coalesce(event_at > $after::timestamp, true)",
                {"batch_id": batch.batch_id, "after": batch.after},
            )


def _check_batches(lake: Lake, domain: Domain, staged: list[StagedBatch], run_id: str, now: datetime) -> None:
    """The input gate on the rows of this batch.  Raises GateError, which rolls the transaction back."""
    views = dict(_NOTHING)
    for batch in staged:
        # The batch's own columns, and the two that the commit adds.
        views[batch.kind] = (
            f"(select *, '{batch.batch_id}' as batch_id, timestamp '{batch.ingested_at}' as ingested_at"
            f" from {batch.accepted_table})"
        )
    ledgers = " union all by name ".join(f"select * from {batch.ledger_table}" for batch in staged)
    views["ingests"] = f"({ledgers})"
    context = GateContext(domain, run_id, as_of=now, checked_at=now)
    run_batch_input_gate(lake, context, views).raise_for_failures()


def _has_flipped_items(lake: Lake, domain: Domain, now: datetime) -> bool:
    """Whether an item began or ended since the last publication, by a clock that runs on without events."""
    if domain.clock != "wall" or (champion := find_champion(lake)) is None:
        return False
    return bool(
        lake.con.execute(
            f"select 1 from ({flipped_items_sql()}) limit 1",
            {"before": champion.published_as_of, "as_of": now},
        ).fetchone()
    )


def _staged_users(staged: list[StagedBatch]) -> str:
    """Relation with the user_id of everyone whom the rows name, but for those refused."""
    tables = [batch.table for batch in staged if "user_id" in FIELDS[batch.kind]]
    named = [f"select user_id from {table} where reason is null" for table in tables]
    return f"({' union all '.join(named) or 'select null::varchar as user_id limit 0'})"


def _staged_items(batch: StagedBatch) -> str:
    fields = ", ".join(name for name, _, _ in ITEM_FIELDS)
    return f"(select {fields} from {batch.table} where reason is null)"
