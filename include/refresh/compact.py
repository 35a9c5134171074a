"""Merging the small files that ticks leave behind, so that reads do not slow down between nightlies."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from include.lake.catalog import ALIAS, quote
from include.lake.lake import Lake
from include.lake.lock import writer_lock

log = logging.getLogger(__name__)
# A tick adds a file to each table, which every later tick and read may open: by then each takes half as long
# again. Merging takes about as long as two ticks.
EVERY_PUBLICATIONS = 16
# What every tick adds files to.
TABLES = (
    "raw.events",
    "features.user_items",
    "serving.recommendations",
    "serving.candidate_lists",
    "serving.publications",
    "ops.ingests",
    "ops.watermarks",
    "ops.fence",
)
# A tick's own files lose their rows to later ticks; the nightly's large one is left alone until half is gone.
REWRITTEN_SHARE = 0.5


def is_due(publication_ids: Iterable[str]) -> bool:
    """Whether one of them is an EVERY_PUBLICATIONS-th: whatever process made the others."""
    return any(int(name.partition("-")[0]) % EVERY_PUBLICATIONS == 0 for name in publication_ids)


def compact(lake: Lake, *, run_id: str) -> None:
    """Merge the small files of TABLES.

    Under the writer's lock, but not by ``Lake.write``: DuckLake compacts in commits that change nothing else,
    not even the fence row. What rows there are stays the same, and old snapshots stay readable:
    `maintain_lake` expires them and removes the files.
    """
    for table in TABLES:
        started = time.monotonic()
        schema, name = table.split(".")
        target = f"{quote(ALIAS)}, {quote(name)}, schema => {quote(schema)}"
        with writer_lock(lake.lock_path, run_id):
            # First what later ticks replaced is dropped: only files without deleted rows are merged.
            lake.rows(f"call ducklake_rewrite_data_files({target}, delete_threshold => {REWRITTEN_SHARE})")
            lake.rows(f"call ducklake_merge_adjacent_files({target})")
        log.info("merged the files of %s in %.2f s", table, time.monotonic() - started)
