"""The lake: a DuckDB connection with the DuckLake catalog attached, and the only way to write to it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import duckdb

from include.errors import LakeError
from include.lake.catalog import (
    ALIAS,
    NO_PATH_COLUMNS,
    Catalog,
    attach_script,
    extension_statements,
    find_catalog,
    quote,
)
from include.lake.create_tables import create_tables, is_older, mark_current, refuse_orphaned_data
from include.lake.lock import writer_lock
from include.lake.relocate import relocate
from include.lake.transactions import is_conflict, roll_back
from include.settings import Settings
from include.whole_files import write_whole

log = logging.getLogger(__name__)
T = TypeVar("T")
# Conflicts are only possible on a shared Postgres catalog: another machine has another lock file.
ATTEMPTS = 8
# Extension files whose signature this process has checked, as path, size and time: checking their 70 MB
# again would take 0.3 s at each opening.
_checked: set[tuple[str, int, int]] = set()


class Lake:
    """An open lake.  ``con`` has it attached as ``nightjar``, which is the default database.

    Use as a context manager. Not for several threads at once: open one a thread.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, catalog: Catalog, settings: Settings) -> None:
        self.con = con
        self.catalog = catalog
        self.settings = settings

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.con.close()

    @property
    def lock_path(self) -> Path:
        return self.settings.lake_dir / "writer.lock"

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        # All rows: a result that is not read to its end keeps a read transaction open on the catalog, which
        # no checkpoint gets past.
        rows = self.con.execute(sql, list(parameters)).fetchall()
        return rows[0][0] if rows else None

    def snapshot(self) -> int:
        """The id of the snapshot that the connection sees."""
        return int(self.value(f"from {ALIAS}.current_snapshot()"))

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, run_id: str, message: str) -> T:
        """Run ``work`` in one transaction, alone: all of it is committed, or nothing.

        ``work`` may run again after a conflict with a writer on another machine, so it must only touch the
        lake and temporary tables that it makes itself. The fence row is raised in the same transaction:
        of two writers that overlap nevertheless, one cannot commit. Raises LakeError when it stays so.
        """
        for attempt in range(1, ATTEMPTS + 1):
            with writer_lock(self.lock_path, run_id):
                self.con.execute("begin")
                try:
                    self.con.execute("update ops.fence set token = token + 1, run_id = ?", [run_id])
                    result = work(self.con)
                    self.con.execute(
                        f"call {ALIAS}.set_commit_message(?, ?, extra_info => ?)",
                        ["nightjar", message, json.dumps({"run_id": run_id})],
                    )
                    self.con.execute("commit")
                    return result
                except BaseException as error:
                    roll_back(self.con)
                    if not is_conflict(error) or attempt == ATTEMPTS:
                        if is_conflict(error):
                            raise LakeError(
                                f"another writer changed the lake during '{message}' of run {run_id},"
                                f" {attempt} times in a row; this write was not committed: {error}"
                            ) from error
                        raise
            log.info("write %r met another writer, attempt %d", message, attempt)
            time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def drop_partitions(self, table: str, *, run_id: str) -> None:
        """Write the table's rows in few files from now on, where an earlier version wrote a file a day.

        A batch that spans years needs a file open for each of its days then, and each read a file a day.
        """
        schema, name = table.split(".")
        meta = f"__ducklake_metadata_{ALIAS}"
        if self.value(
            f"select count(*) from {meta}.ducklake_partition_info as info"
            f" inner join {meta}.ducklake_partition_column using (partition_id)"
            f" inner join {meta}.ducklake_table as of_table on of_table.table_id = info.table_id"
            " where info.end_snapshot is null and of_table.end_snapshot is null and of_table.table_name = ?",
            [name],
        ):
            self.write(
                lambda con: con.execute(f"alter table {ALIAS}.{schema}.{name} reset partitioned by"),
                run_id=run_id,
                message=f"{table} is partitioned no more",
            )

    def disable_file_cache(self) -> None:
        """For long-lived processes: DuckDB would keep a copy of what it read of every file that ticks ever
        wrote, 1 MB more each tick. The operating system caches local files anyway.
        """
        if self.catalog.is_local:
            self.con.execute("set enable_external_file_cache = false")

    @contextmanager
    def beside(self) -> Iterator[None]:
        """For statements on temporary tables and files alone: else each asks the lake for its snapshot.

        Outside of ``write``; tables of the lake are named in full meanwhile (nightjar.…).
        """
        self.con.execute("use memory")
        try:
            yield
        finally:
            self.con.execute(f"use {ALIAS}")

    def files(self, table: str, snapshot: int | None = None) -> list[tuple[str, str | None]]:
        """The Parquet files of a table, each with its file of deleted rows or None."""
        schema, name = table.split(".")
        at = f", snapshot_version => {int(snapshot)}" if snapshot is not None else ""
        return [
            (str(data), delete)
            for data, delete in self.rows(
                "select data_file, delete_file from"
                f" ducklake_list_files({quote(ALIAS)}, {quote(name)}, schema => {quote(schema)}{at})"
                " order by data_file"
            )
        ]


def adopt_files(con: duckdb.DuckDBPyConnection, table: str, files: Sequence[str]) -> None:
    """Make Parquet files the whole content of a table, without a copy: for use inside ``Lake.write``.

    From the commit on the files are the lake's: it removes them when nothing needs them. One that it owns
    already, as of a set that is published again, is copied: removing it for the earlier snapshot would take
    it from this one.
    """
    schema, name = table.split(".")
    con.execute(f"delete from {table}")
    owned = _owned_files(con, files)
    for file in files:
        if file in owned:
            con.execute(
                f"insert into {table} by name select * from read_parquet({quote(file)}, {NO_PATH_COLUMNS})"
            )
            continue
        con.execute(
            f"call ducklake_add_data_files({quote(ALIAS)}, {quote(name)}, {quote(file)},"
            f" schema => {quote(schema)})"
        )


def _owned_files(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> set[str]:
    """Those that the catalog knows, of whatever snapshot, or is to remove.  files: as they were adopted."""
    meta = f"__ducklake_metadata_{ALIAS}"
    rows = con.execute(
        f"select path from {meta}.ducklake_data_file where path in (select unnest($files))"
        f" union select path from {meta}.ducklake_files_scheduled_for_deletion"
        " where path in (select unnest($files))",
        {"files": list(files)},
    ).fetchall()
    return {path for (path,) in rows}


def open_lake(
    settings: Settings, *, read_only: bool = False, snapshot: int | None = None, busy_ms: int = 10_000
) -> Lake:
    """Open the lake, making it with all its tables when it is not there yet.

    read_only: nothing can be written, and a lake that is not there raises LakeError.
    snapshot: see the lake as of that snapshot; implies read_only.
    busy_ms: see ``Catalog.attach``.
    """
    catalog = find_catalog(settings)
    read_only = read_only or snapshot is not None
    is_new = catalog.kind == "sqlite" and not _has_content(Path(catalog.target))
    if is_new:
        refuse_orphaned_data(catalog)
    if read_only and is_new:
        raise LakeError(f"no lake at {catalog.target}; run `make nightly` first")
    if read_only and is_older(settings.lake_dir):
        # Of a version before: what it lacks is made. Who may not write reads what there is.
        with suppress(LakeError, OSError, duckdb.Error):
            open_lake(settings, busy_ms=busy_ms).close()
    if not read_only:
        settings.make_folders()
        if catalog.is_local:
            Path(catalog.data).mkdir(parents=True, exist_ok=True)
    con = _connect(settings, catalog)
    _load_extensions(con, catalog, settings.extensions)
    has_moved = relocate(con, catalog, busy_ms=busy_ms)
    # Two processes that make the same catalog at the same instant would both write its first rows.
    if read_only:
        _attach(con, catalog.attach(read_only=True, snapshot=snapshot, busy_ms=busy_ms), catalog)
    else:
        with writer_lock(settings.lake_dir / "writer.lock", "open"):
            _attach(con, catalog.attach(read_only=False, busy_ms=busy_ms), catalog)
            create_tables(con, catalog)
            mark_current(settings.lake_dir)
    if not read_only or has_moved:
        _keep_attach_script(settings)
    con.execute(f"use {ALIAS}")
    return Lake(con, catalog, settings)


def _keep_attach_script(settings: Settings) -> None:
    script = attach_script(settings)
    if not settings.attach_sql.exists() or settings.attach_sql.read_text() != script:
        write_whole(settings.attach_sql, script)


def _connect(settings: Settings, catalog: Catalog) -> duckdb.DuckDBPyConnection:
    files = _extension_files(catalog, settings.extensions)
    con = duckdb.connect(
        config={
            "allow_unsigned_extensions": "true" if files and files <= _checked else "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
            # Larger sorts and joins spill to disk: no process of the pipeline is to pass 4 GiB.
            "memory_limit": "2GB",
            "temp_directory": str(settings.home / "tmp" / "duckdb"),
        }
    )
    con.execute("set timezone = 'UTC'")
    # A bar drawn into a task's log fills it.
    con.execute("set enable_progress_bar = false")
    return con


def _load_extensions(con: duckdb.DuckDBPyConnection, catalog: Catalog, folder: Path) -> None:
    for statement in extension_statements(catalog, folder):
        try:
            con.execute(statement)
        except duckdb.Error as error:
            raise LakeError(f"DuckDB cannot '{statement}': {error}; run `make setup`") from error
    _checked.update(_extension_files(catalog, folder))


def _extension_files(catalog: Catalog, folder: Path) -> set[tuple[str, int, int]]:
    """Those that the catalog needs, for this DuckDB: path, size in bytes, time of change in ns."""
    files = [
        file
        for name in catalog.extensions
        for file in folder.glob(f"v{duckdb.__version__}/*/{name}*.duckdb_extension")
    ]
    return {(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files}


def _attach(con: duckdb.DuckDBPyConnection, statement: str, catalog: Catalog) -> None:
    try:
        con.execute(statement)
    except duckdb.Error as error:
        raise LakeError(
            f"cannot open the lake's {catalog.kind} catalog: {catalog.hide_password(str(error))};"
            " see docs/operations.md for how to restore it"
        ) from None


def _has_content(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
