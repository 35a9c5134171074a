"""A batch: staged beside the lake, then committed in one transaction with its ledger entry."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from include.config.domain import Domain
from include.errors import DataError
from include.ingest.erased_people import refuse_erased
from include.ingest.events import accept_events
from include.ingest.items import accept_items
from include.ingest.ledger import newest_event, write_ledger, write_quarantine, write_watermarks
from include.ingest.overtaken import raise_if_overtaken
from include.ingest.pending import hash_cache
from include.ingest.relations import accept_relations
from include.ingest.staged_batch import BatchCounts, StagedBatch, TopicPosition
from include.ingest.users import accept_users
from include.lake.lake import Lake
from include.lake.user_search import row_by_row
from include.landing.files import PendingFile
from include.landing.hashes import HashCache
from include.landing.mapping import needed_columns
from include.landing.prepare import PreparedFile, prepare_file
from include.landing.staging import refuse_bad_files, stage_rows

log = logging.getLogger(__name__)
ACCEPT = {
    "events": accept_events,
    "items": accept_items,
    "users": accept_users,
    "relations": accept_relations,
}


@dataclasses.dataclass(frozen=True)
class BatchLimits:
    """A batch ends before it passes a limit, but holds at least one file.

    rows: bounds the work that a crash repeats and the memory of a commit. files: the statement that reads
    them names each. bytes: as they lie; text unpacks to about ten times that."""

    rows: int = 1_000_000
    files: int = 500
    bytes: int = 64 << 20


def stage_batch(
    lake: Lake,
    domain: Domain,
    kind: str,
    files: Sequence[PendingFile],
    *,
    run_id: str,
    ingested_at: datetime,
    limits: BatchLimits | None = None,
) -> StagedBatch | None:
    """Read as many of ``files`` as the limits allow into temp table staged_<kind>; the lake stays as it is.

    None: nothing to commit (no files, or all are still being written).
    """
    if not files:
        return None
    limits = limits or BatchLimits()
    with work_folder(lake.settings.home / "tmp") as folder:
        needed = needed_columns(lake.con, domain.sources[kind])
        cache = hash_cache(lake.settings)
        max_bytes = domain.quality.max_file_mb * 1e6
        prepared, remaining = _prepare(lake.con, files, needed, folder, limits, cache, max_bytes)
        cache.save()
        if not prepared:
            return None
        return stage_prepared(
            lake, domain, kind, prepared, run_id=run_id, ingested_at=ingested_at, remaining=remaining
        )


def stage_prepared(
    lake: Lake,
    domain: Domain,
    kind: str,
    prepared: Sequence[PreparedFile],
    *,
    run_id: str,
    ingested_at: datetime,
    remaining: Sequence[PendingFile] = (),
    offsets: Sequence[TopicPosition] = (),
) -> StagedBatch:
    """Stage what is prepared, from whatever source.  offsets: positions to commit with the rows."""
    prepared = _mark_repeats(lake, kind, prepared)
    with lake.beside():
        table = f"staged_{kind}"
        problems = stage_rows(lake.con, domain, kind, prepared, table, ingested_at)
        erasures = refuse_erased(lake, kind, table)
        refused = refuse_bad_files(lake.con, domain, kind, prepared, table, ingested_at)
    prepared = [
        dataclasses.replace(file, status="unreadable", problem=problems[file.number])
        if file.number in problems
        else dataclasses.replace(file, status="refused")
        if file.number in refused
        else file
        for file in prepared
    ]
    return StagedBatch(
        kind=kind,
        batch_id=batch_id(kind, ((file.name, file.content_hash) for file in prepared)),
        run_id=run_id,
        ingested_at=ingested_at,
        late_after_days=domain.events.late_after_days,
        files=tuple(prepared),
        remaining=tuple(remaining),
        offsets=tuple(offsets),
        erasures=erasures,
    )


def commit_batch(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> BatchCounts:
    """Write a staged batch: rows, quarantine, ledger and watermark.  For use inside ``Lake.write``.

    Leaves the rows that were really accepted in temp table accepted_<kind>. May be called again for the
    same batch after a rollback. Raises OvertakenError when another writer took the same rows in meanwhile,
    DataError when the counts do not add up.
    """
    raise_if_overtaken(con, staged)
    before = newest_event(con) if staged.kind == "events" else None
    accepted = ACCEPT[staged.kind](con, staged)
    quarantined = write_quarantine(con, staged)
    counts = write_ledger(con, staged, before)
    if (counts.accepted, counts.quarantined) != (accepted, quarantined):
        raise DataError(
            f"batch {staged.batch_id} of {staged.kind}: the ledger counts {counts.accepted} accepted and"
            f" {counts.quarantined} quarantined rows, {accepted} and {quarantined} were written; nothing was"
            " committed; this is a bug: keep the files and report it"
        )
    if counts.rows_in != counts.accepted + counts.quarantined + counts.deduplicated:
        raise DataError(
            f"batch {staged.batch_id} of {staged.kind}: the fates of its rows do not add up: {counts}"
        )
    write_watermarks(con, staged, before)
    return counts


def batch_id(kind: str, contents: Iterable[tuple[str, str]]) -> str:
    """Id of a batch: a hash of the names and content hashes of its files, in order."""
    digest = hashlib.sha256(kind.encode())
    for name, content_hash in contents:
        digest.update(f"\0{name}\0{content_hash}".encode())
    return digest.hexdigest()[:32]


def _prepare(
    con: duckdb.DuckDBPyConnection,
    files: Sequence[PendingFile],
    needed: Sequence[str],
    folder: Path,
    limits: BatchLimits,
    cache: HashCache,
    max_bytes: float,
) -> tuple[list[PreparedFile], list[PendingFile]]:
    prepared: list[PreparedFile] = []
    rows = size = 0
    for i, file in enumerate(files):
        if prepared and (len(prepared) >= limits.files or size + file.bytes > limits.bytes):
            return prepared, list(files[i:])
        ready = prepare_file(con, file, len(prepared), needed, folder, max_bytes)
        if ready is None:
            continue
        if prepared and rows + ready.rows > limits.rows:
            return prepared, list(files[i:])
        if file.problem is None:
            cache.put(file.path, file.bytes, file.modified_ns, ready.content_hash)
        prepared.append(ready)
        rows += ready.rows
        size += file.bytes
    return prepared, []


def _mark_repeats(lake: Lake, kind: str, files: Sequence[PreparedFile]) -> list[PreparedFile]:
    """Files whose content was ingested under another name, before or earlier in this batch."""
    hashes = sorted({file.content_hash for file in files})
    known = dict(
        lake.rows(
            "select content_hash, max(rows_in) from ops.ingests"
            f" where {row_by_row('source')} = ? and {row_by_row('status')} = 'ingested'"
            " and list_contains(?, content_hash)"
            " group by content_hash",
            [kind, hashes],
        )
    )
    marked = []
    for file in files:
        if file.problem is None and file.rows > 0:
            if file.content_hash in known:
                file = dataclasses.replace(file, repeats=known[file.content_hash])
            else:
                known[file.content_hash] = -1 - file.number  # rows are not counted yet: look there
        marked.append(file)
    return marked


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A folder of this process for clean text; folders that killed processes left are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob("ingest-*"):
        if not _is_alive(left.name.removeprefix("ingest-")):
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"ingest-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
