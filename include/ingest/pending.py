"""Which landing files wait: those that the ledger (ops.ingests) does not know."""

from __future__ import annotations

import dataclasses
import logging

from include.config.domain import Domain
from include.lake.lake import Lake
from include.lake.user_search import row_by_row
from include.landing.files import PendingFile, landing_folder, list_files
from include.landing.hashes import HashCache
from include.landing.prepare import problem_hash
from include.settings import Settings

log = logging.getLogger(__name__)
# (catalog, kind) -> name -> size and time of change of the files that this process has found done: the ledger
# never forgets one, and a stream of small files must not be looked up from its first at each tick.
_done: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}


def hash_cache(settings: Settings) -> HashCache:
    return HashCache(settings.home / "tmp" / "landing_hashes.sqlite")


def find_pending(lake: Lake, domain: Domain, settings: Settings, kind: str) -> list[PendingFile]:
    """The files of a kind that wait, sorted by name.

    A file that the ledger knows by name, size and sha256 is done. A name that was ingested with other
    content comes back with ``refused`` set: its rows are never taken in, the batch reports it.
    """
    files = list_files(landing_folder(domain, settings, kind), kind)
    done = _done.setdefault((lake.catalog.target, kind), {})
    unsettled = [file for file in files if done.get(file.name) != (file.bytes, file.modified_ns)]
    if not unsettled:
        return []
    ledger = _ledger(lake, kind, [file.name for file in unsettled])
    cache = hash_cache(settings)
    pending = []
    for file in unsettled:
        entries = ledger.get(file.name)
        if entries is None:
            pending.append(file)
            continue
        content_hash = content_hash_of(file, cache)
        if any(content_hash == known for known, _ in entries):
            done[file.name] = (file.bytes, file.modified_ns)
            continue
        was_ingested = any(status == "ingested" for _, status in entries)
        pending.append(dataclasses.replace(file, refused=content_hash) if was_ingested else file)
    cache.save()
    log.info("%s: %d files, %d pending", kind, len(files), len(pending))
    return pending


def content_hash_of(file: PendingFile, cache: HashCache) -> str:
    """sha256 of the file as it lies; of what has a problem, of that, so that it is reported once."""
    if file.problem is not None:
        return problem_hash(file)
    return cache.get(file.path, file.bytes, file.modified_ns)


def _ledger(lake: Lake, kind: str, names: list[str]) -> dict[str, list[tuple[str, str]]]:
    """file name -> (content hash, status) of each time it was met."""
    entries: dict[str, list[tuple[str, str]]] = {}
    for name, content_hash, status in lake.rows(
        "select file, content_hash, status from ops.ingests"
        f" where {row_by_row('source')} = ? and file in (select unnest(?))",
        [kind, names],
    ):
        entries.setdefault(name, []).append((content_hash, status))
    return entries
