"""Erase a person: from every table, snapshot and file, and from what lands again.

Old snapshots hold the person's rows, so all of them go: nothing earlier can be gone back to then. A run that
dies in between is done again from the start.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from include.errors import DataError
from include.ingest.erased_people import erasure_key, remember_erased
from include.lake.catalog import ALIAS, quote
from include.lake.lake import Lake
from include.lake.lock import writer_lock
from include.operations.catalog_file import apart
from include.operations.file_search import PERSON
from include.operations.landing_rewrite import rewrite_landing_file
from include.operations.traces import Traces, find_traces, person_tables, quarantine_condition

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erased:
    """before, after: where the person was named.  snapshots: how many went.  rewritten: landing files."""

    before: Traces
    after: Traces
    snapshots: int
    rewritten: tuple[str, ...]

    def describe(self) -> str:
        gone = f"{self.before.rows:,} rows of {len(self.before.tables)} tables, {self.snapshots} snapshots"
        return f"erased {gone}; now: {self.after.describe()}"


def count_person(lake: Lake, user_id: str) -> Traces:
    """What an erasure would find: a dry run.  Raises DataError on an id that cannot be one."""
    _check(user_id)
    return find_traces(lake, user_id)


def erase_user(
    lake: Lake, user_id: str, *, run_id: str, now: datetime, rewrite_landing: bool = False
) -> Erased:
    """Erase a person, whether or not anything is known of them.

    rewrite_landing: take their rows out of landing files too; else these stay, are named, and are refused
    when they are read again.  Raises DataError on an id that cannot be one.
    """
    _check(user_id)
    before = find_traces(lake, user_id)
    erasure_key(lake.settings)
    tables = person_tables(lake)
    lake.write(lambda con: _delete(con, lake, tables, user_id, now), run_id=run_id, message="erasure")
    rewritten = tuple(before.landing) if rewrite_landing else ()
    for name in rewritten:
        rewrite_landing_file(lake, name, user_id, run_id=run_id)
    snapshots = _drop_history(lake, run_id)
    _remove_files(lake, before, user_id)
    _clean_catalog(lake, user_id)
    after = find_traces(lake, user_id)
    done = Erased(before, after, snapshots, rewritten)
    log.info("erasure: %d rows, %d snapshots", before.rows, snapshots)
    return done


def _check(user_id: str) -> None:
    if not user_id.strip() or len(user_id) > 512:
        raise DataError(f"user_id has {len(user_id)} characters; expected 1 to 512, not all blank")


def _delete(
    con: duckdb.DuckDBPyConnection, lake: Lake, tables: list[str], user_id: str, now: datetime
) -> None:
    for table in tables:
        con.execute(f"delete from {table} where {PERSON} = ?", [user_id])
    condition, parameters = quarantine_condition(user_id)
    con.execute(f"delete from raw.quarantine where {condition}", parameters)
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
    """Files beside the lake: whole runs and pages, lines of logs."""
    home = lake.settings.home
    for name in before.files:
        path = home / name
        top = name.split("/")[0]
        if not path.exists() or top == "lake":
            continue
        if top == "runs":
            _remove_run(home, path)
        elif top in ("reports", "tmp", "exports"):
            path.unlink(missing_ok=True)
        elif path.suffix in (".jsonl", ".log"):
            _drop_lines(path, user_id)


def _remove_run(home: Path, path: Path) -> None:
    """The run's folder: what it staged is published or refused by now."""
    parts = path.relative_to(home).parts
    folder = home / Path(*parts[: 3 if parts[1] == "spark" else 2])
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def _drop_lines(path: Path, user_id: str) -> None:
    """Lines of a log that name the person, in a file that takes the old one's place whole."""
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if user_id not in line and json.dumps(user_id)[1:-1] not in line]
    partial = path.with_name(f".{path.name}.tmp")
    partial.touch(mode=path.stat().st_mode & 0o777)
    partial.write_text("".join(kept), encoding="utf-8", errors="surrogateescape")
    partial.replace(path)


def _clean_catalog(lake: Lake, user_id: str) -> None:
    if lake.catalog.kind == "sqlite":
        apart("forget", catalog=lake.catalog.target, user_id=user_id)
    else:
        log.warning("the catalog is no SQLite file: vacuum its database, and clear its tables' smallest ids")
