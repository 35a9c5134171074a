"""Which landing files wait: those that the ledger (ops.ingests) does not know."""

from __future__ import annotations

import dataclasses
import logging

from include.config.domain import Domain
from include.lake.lake import Lake
from include.landing.files import PendingFile, landing_folder, list_files
from include.landing.hashes import HashCache
from include.settings import Settings

log = logging.getLogger(__name__)


def hash_cache(settings: Settings) -> HashCache:
    return HashCache(settings.home / "tmp" / "landing_hashes.json")


def find_pending(lake: Lake, domain: Domain, settings: Settings, kind: str) -> list[PendingFile]:
    """The files of a kind that wait, sorted by name.

    A file that the ledger knows by name, size and sha256 is done. A name that was ingested with other
    content comes back with ``refused`` set: its rows are never taken in, the batch reports it.
    """
    files = list_files(landing_folder(domain, settings, kind), kind)
    if not files:
        return []
    ledger = _ledger(lake, kind)
    cache = hash_cache(settings)
    pending = []
    for file in files:
        entries = ledger.get(file.name)
        if entries is None:
            pending.append(file)
            continue
        content_hash = cache.get(file.path, file.bytes, file.modified_ns)
        if any(content_hash == known for known, _ in entries):
            continue
        was_ingested = any(status == "ingested" for _, status in entries)
        pending.append(dataclasses.replace(file, refused=content_hash) if was_ingested else file)
    cache.save()
    log.info("%s: %d files, %d pending", kind, len(files), len(pending))
    return pending


def _ledger(lake: Lake, kind: str) -> dict[str, list[tuple[str, str]]]:
    """file name -> (content hash, status) of each time it was met."""
    entries: dict[str, list[tuple[str, str]]] = {}
    for name, content_hash, status in lake.rows(
        "select file, content_hash, status from ops.ingests where source = ?", [kind]
    ):
        entries.setdefault(name, []).append((content_hash, status))
    return entries
