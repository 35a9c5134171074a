"""Erase a person: from every table, snapshot and file, and from what lands again.

Old snapshots hold the person's rows, so all of them go: nothing earlier can be gone back to then. A run that
dies in between is done again from the start.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from include.config.domain import Domain
from include.errors import DataError
from include.exports.export import forget_person
from include.ingest.erased_people import remember_erased
from include.lake.catalog import ALIAS, quote
from include.lake.checksums import data_files
from include.lake.lake import Lake
from include.lake.lock import writer_lock
from include.operations.catalog_file import apart
from include.operations.file_search import PERSON, person_pattern
from include.operations.landing_rewrite import rewrite_landing_file
from include.operations.person_rows import quarantined_sql
from include.operations.traces import Traces, find_traces, person_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erased:
    """before, after: where the person was named.  snapshots: how many went.  rewritten: landing files."""

    before: Traces
    after: Traces
    snapshots: int
    rewritten: int

    def describe(self) -> str:
        gone = f"{self.before.rows:,} rows of {len(self.before.tables)} tables, {self.snapshots} snapshots"
        return f"erased {gone}; now: {self.after.describe()}"


def count_person(lake: Lake, domain: Domain, user_id: str) -> Traces:
    """What an erasure would find: a dry run.  Raises DataError on an id that cannot be one."""
    _check(user_id)
    return find_traces(lake, domain, user_id)


def erase_user(
    lake: Lake,
    domain: Domain,
    user_id: str,
    *,
    run_id: str,
    now: datetime,
    rewrite_landing: bool = False,
) -> Erased:
    """Erase a person, whether or not anything is known of them.

    rewrite_landing: take their rows out of landing files too; else these stay, are named, and are refused
    when they are read again.  Raises DataError on an id that cannot be one, ExportError where an export
    target could not be reached: all else is done then.
    """
    _check(user_id)
    before = find_traces(lake, domain, user_id)
    tables, theirs = person_tables(lake), quarantined_sql(domain, user_id)
    lake.write(lambda con: _delete(con, lake, tables, theirs, user_id, now), run_id=run_id, message="erasure")
    rewritten = [file for file in before.landed if file.is_ours and file.positions] if rewrite_landing else []
    for file in rewritten:
        rewrite_landing_file(lake, domain, file, user_id, run_id=run_id)
    snapshots = _drop_history(lake, run_id)
    _remove_files(lake, before, user_id)
    _clean_catalog(lake, user_id)
    if domain.exports:
        forget_person(lake.settings, domain, user_id)
    after = find_traces(lake, domain, user_id)
    done = Erased(before, after, snapshots, len(rewritten))
    log.info("erasure: %d rows, %d snapshots", before.rows, snapshots)
    return done


def _check(user_id: str) -> None:
    if not user_id.strip() or len(user_id) > 512:
        raise DataError(f"user_id has {len(user_id)} characters; expected 1 to 512, not all blank")


def _delete(
    con: duckdb.DuckDBPyConnection, lake: Lake, tables: list[str], theirs: str, user_id: str, now: datetime
) -> None:
    for table in tables:
        con.execute(f"delete from {table} where {PERSON} = ?", [user_id])
    con.execute(f"delete from raw.quarantine where {theirs}")
    # By their words, not by whom they were of: all go, and are asked anew.
    con.execute("delete from features.chat_answers where use = 'profiles'")
    remember_erased(con, lake.settings, user_id, now)


def _drop_history(lake: Lake, run_id: str) -> int:
    """Write files that have deleted rows anew, then drop every snapshot but the newest and its files."""
    meta = f"__ducklake_metadata_{ALIAS}"
    with writer_lock(lake.lock_path, run_id):
        for schema, table in lake.rows(
            f"select distinct schemas.schema_name, tables.table_name from {meta}.ducklake_table as tables"
            f" inner join {meta}.ducklake_schema as schemas using (schema_id)"
            f" inner join {meta}.ducklake_delete_file as deletes using (table_id)"
            " where tables.end_snapshot is null and deletes.end_snapshot is null"
        ):
            target = f"{quote(ALIAS)}, {quote(table)}, schema => {quote(schema)}"
            lake.rows(f"call ducklake_rewrite_data_files({target}, delete_threshold => 0.0)")
        newest = lake.snapshot()
        old = [
            snapshot
            for (snapshot,) in lake.rows(
                f"select snapshot_id from {ALIAS}.snapshots() where snapshot_id < ?", [newest]
            )
        ]
        if old:
            lake.rows(f"call ducklake_expire_snapshots({quote(ALIAS)}, versions => {old})")
        lake.rows(f"call ducklake_cleanup_old_files({quote(ALIAS)}, cleanup_all => true)")
    return len(old)


def _remove_files(lake: Lake, before: Traces, user_id: str) -> None:
    """Files beside the catalog's: staged sets and features of runs, pages, exports, and lines of logs.

    A run that is under way then finds what it staged gone, and its publish is refused (publishing.py).
    """
    home, owned = lake.settings.home, set(data_files(lake))
    for name in before.files:
        path = home / name
        if not path.exists() or path in owned:
            continue
        if name.split("/")[0] in ("runs", "reports", "tmp", "exports") or path.suffix == ".parquet":
            path.unlink()
        elif path.suffix in (".jsonl", ".log"):
            _drop_lines(path, user_id)


def _drop_lines(path: Path, user_id: str) -> None:
    """Lines of a log that name the person; in place, since a process may be writing to it."""
    pattern = re.compile(person_pattern(user_id).encode())
    with path.open("r+b") as file:
        kept = [line for line in file if not pattern.search(line)]
        file.seek(0)
        file.writelines(kept)
        file.truncate()


def _clean_catalog(lake: Lake, user_id: str) -> None:
    if lake.catalog.kind == "sqlite":
        apart("forget", catalog=lake.catalog.target, user_id=user_id)
    else:
        log.warning("the catalog is no SQLite file: vacuum its database, and clear its tables' smallest ids")
