"""A refresh run: everything that waits, in landing files and on the topic, tick by tick."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from include.config.domain import Domain
from include.errors import DataError
from include.exports.export import export_lists
from include.lake.catalog import ALIAS, quote
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake, open_lake
from include.lake.user_search import keep_to_one_thread
from include.refresh.compact import compact, due_tables
from include.refresh.pending_rows import BatchSource, LandingSource
from include.refresh.tick import Tick, drain
from include.settings import Settings

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
# Of features.user_items, which every tick searches for its users: above it all cores are worth their start.
LARGE_BYTES = 32 * 1024**2
NICENESS = 5


def yield_to_readers() -> None:
    """Give this process a lower priority, for good: on a machine that also answers readers they go first."""
    os.nice(NICENESS)


def refresh(
    settings: Settings,
    domain: Domain,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    linger_seconds: float = 0.0,
    most_seconds: float = 600.0,
    progress: Callable[[Tick], None] | None = None,
) -> list[Tick]:
    """Drain all sources; then wait for more until ``linger_seconds`` passed without any.

    Lingering spares a stream the start of a process for each doorbell, which costs more than its tick.
    most_seconds: after that the run ends when a drain does, so that no run lasts for ever. Raises what
    `run_tick` raises.
    """
    ticks: list[Tick] = []
    began = quiet_since = time.monotonic()
    with open_for_ticks(settings) as lake, open_sources(domain) as sources:
        check_domain(lake, domain)
        while True:
            drained = [
                tick
                for source in sources
                for tick in drain(lake, domain, source, run_id=run_id, clock=clock, progress=progress)
            ]
            ticks += drained
            now = time.monotonic()
            if drained:
                quiet_since = now
                published = [tick.publication.publication_id for tick in drained if tick.publication]
                if tables := due_tables(published, sum(tick.rows for tick in drained)):
                    compact(lake, run_id=run_id, tables=tables)
                    _release_free_memory()
                if published and domain.exports:
                    export_lists(settings, domain, run_id=run_id, now=clock(), is_refresh=True)
            if now - quiet_since >= linger_seconds or now - began >= most_seconds:
                break
            time.sleep(POLL_SECONDS)
        if ticks:
            _record(lake, run_id, ticks, time.monotonic() - began, clock())
    log.info(
        "refresh: %d ticks, %d rows in, %d lists, %.2f s",
        len(ticks),
        sum(tick.rows_in for tick in ticks),
        sum(tick.users for tick in ticks),
        time.monotonic() - began,
    )
    return ticks


def open_for_ticks(settings: Settings) -> Lake:
    """The lake, on one thread: a tick is some eighty small statements.  A large lake is searched for the
    touched users' rows on all cores.
    """
    lake = open_lake(settings)
    searched = lake.value(
        f"select file_size_bytes from ducklake_table_info({quote(ALIAS)}) where table_name = 'user_items'"
    )
    keep_to_one_thread(lake.con, but_searches=(searched or 0) >= LARGE_BYTES)
    lake.disable_file_cache()
    return lake


def _release_free_memory() -> None:
    """Give back to the system what the allocator keeps of the peaks of each thread that ever ran: 1 MB more
    each tick of a stream.  Only glibc's does, and can.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _record(lake: Lake, run_id: str, ticks: list[Tick], seconds: float, finished_at: datetime) -> None:
    """What the run cost, in ops.stages beside the nightlies' stages."""
    # Of this process, in kilobytes; macOS counts bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    row = {
        "run_id": run_id,
        "stage": "refresh",
        "rows_in": sum(tick.rows_in for tick in ticks),
        "rows_out": sum(tick.rows for tick in ticks),
        "seconds": round(seconds, 3),
        "peak_rss_bytes": peak,
        "finished_at": finished_at,
    }
    lake.write(
        lambda con: insert_rows(con, "ops.stages", [row]),
        run_id=run_id,
        message="cost of the run",
    )


@contextmanager
def open_sources(domain: Domain) -> Iterator[list[BatchSource]]:
    """Landing folders, and the topic where the domain names one."""
    sources: list[BatchSource] = [LandingSource(domain.refresh.batch_rows)]
    if domain.refresh.kafka.topic is None:
        yield sources
        return
    # The client library is only loaded where there is a topic.
    from include.ingest.topic_batches import kafka_source

    topic = kafka_source(domain)
    try:
        yield [*sources, topic]
    finally:
        topic.close()


def check_domain(lake: Lake, domain: Domain) -> None:
    """Raises DataError where the lake holds another domain's rows."""
    held = lake.value("select value from ops.properties where name = 'domain'")
    if held is not None and held != domain.name:
        raise DataError(
            f"the lake below {lake.settings.home} holds domain '{held}', this refresh is for '{domain.name}'"
            f" ({domain.file.name}); give each domain a NIGHTJAR_HOME of its own"
        )
