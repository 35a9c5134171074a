"""Lists as Parquet or CSV: a folder a publication, and `current`, which is switched at once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb

from include.config.export_targets import ExportTarget
from include.exports.target import KEYS, Change, Written
from include.lake.catalog import quote
from include.whole_files import write_whole

CURRENT = "current"
MANIFEST = "manifest.json"
# A spreadsheet takes a cell that begins so for a formula: a quote before it makes it text.
_FORMULA = r"^[=+\-@\t\r]"


class Folder:
    """path: holds <publication_id>/<table>.parquet and the link `current` to the newest."""

    def __init__(self, target: ExportTarget, path: Path) -> None:
        self._target = target
        self._path = path

    def held(self) -> str | None:
        manifest = self._path / CURRENT / MANIFEST
        if not manifest.is_file():
            return None
        return str(json.loads(manifest.read_text(encoding="utf-8"))["publication_id"])

    def write(self, con: duckdb.DuckDBPyConnection, change: Change) -> Written:
        self._path.mkdir(parents=True, exist_ok=True)
        whole = Change(change.publication_id, None)
        folder, partial = self._path / change.publication_id, self._path / f".{change.publication_id}.tmp"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        rows = {table: self._write_table(con, whole, table, partial) for table in self._target.tables}
        manifest = {"publication_id": change.publication_id, "rows": rows}
        write_whole(partial / MANIFEST, json.dumps(manifest, indent=1) + "\n")
        shutil.rmtree(folder, ignore_errors=True)  # of an export that was killed before it switched
        partial.rename(folder)
        self._switch(change.publication_id)
        kept = self._prune(self._target.keep)
        return Written(sum(rows.values()), kept)

    def _write_table(self, con: duckdb.DuckDBPyConnection, change: Change, table: str, folder: Path) -> int:
        query = f'{change.rows(table)} order by {KEYS[table]}, "rank"'
        if self._target.kind == "parquet":
            path, options = folder / f"{table}.parquet", "format parquet, compression zstd"
        else:
            path = folder / (f"{table}.csv.gz" if self._target.gzip else f"{table}.csv")
            options = "format csv, header" + (", compression gzip" if self._target.gzip else "")
            query = f"select {_escaped(con, query)} from ({query})"
        found = con.execute(f"copy ({query}) to {quote(str(path))} ({options})").fetchone()
        return int(found[0]) if found else 0

    def _switch(self, publication_id: str) -> None:
        link = self._path / f".{CURRENT}.tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(publication_id)
        os.replace(link, self._path / CURRENT)

    def _prune(self, keep: int) -> int:
        """Remove all versions but the newest ``keep``; returns how many."""
        versions = sorted(
            (path for path in self._path.iterdir() if (path / MANIFEST).is_file() and not path.is_symlink()),
            key=lambda path: path.name,
        )
        current = os.readlink(self._path / CURRENT)
        old = [path for path in versions[:-keep] if path.name != current]
        for path in (*old, *self._path.glob(".*.tmp")):
            shutil.rmtree(path, ignore_errors=True)
        return len(old)

    def forget(self, con: duckdb.DuckDBPyConnection, user_id: str) -> None:
        held = self.held()
        if held is None:
            return
        self.write(con, Change(held, None))
        self._prune(1)

    def close(self) -> None:
        pass


def _escaped(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query's columns, texts that a spreadsheet would run made harmless."""
    columns = con.execute(f"describe {query}").fetchall()
    return ", ".join(
        f'case when regexp_matches("{name}", {quote(_FORMULA)}) then \'\'\'\' || "{name}" else "{name}" end'
        f' as "{name}"'
        if kind == "VARCHAR"
        else f'"{name}"'
        for name, kind, *_ in columns
    )
