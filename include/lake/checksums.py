"""SHA-256 of every file that the lake owns, so that a flipped bit is an error and not another answer.

A Parquet file carries no checksum of its own: of single flipped bits most are read without an error. The
hashes lie beside the catalog, a row a file; a file never changes once it is written.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from include.errors import LakeError
from include.lake.catalog import ALIAS
from include.lake.lake import Lake
from include.threads import cores

SHOWN = 3


@dataclass(frozen=True)
class Checked:
    """altered: files that are not what they were.  known: how many were compared.  new: how many entered."""

    altered: tuple[Path, ...]
    known: int
    new: int

    def raise_if_altered(self) -> None:
        """Raises LakeError that names the files, and where the mend is told."""
        if self.altered:
            names = ", ".join(str(path) for path in self.altered[:SHOWN])
            more = f" and {len(self.altered) - SHOWN} more" if len(self.altered) > SHOWN else ""
            raise LakeError(
                f"{names}{more}: not the bytes that were written (sha256 differs); what is read from there"
                " may be wrong: restore from a backup (docs/operations.md, Backup and restore)"
            )


def check_files(lake: Lake, *, is_dry_run: bool = False) -> Checked:
    """Compare every file that was seen before with its hash, and enter those that were not.

    is_dry_run: enter none.  Data that are no folder of this machine are not read: Checked((), 0, 0).
    Memory: a few chunks of 1 MiB.
    """
    if not lake.catalog.is_local:
        return Checked((), 0, 0)
    files = list(data_files(lake))
    store = lake.settings.lake_dir / "checksums.sqlite"
    if is_dry_run and not store.is_file():
        return Checked((), 0, 0)
    with closing(sqlite3.connect(store, timeout=60)) as con:
        con.execute("create table if not exists checksums (path text primary key, sha256 text) without rowid")
        known = dict(con.execute("select path, sha256 from checksums").fetchall())
        with ThreadPoolExecutor(cores()) as pool:  # hashing lets go of the interpreter's lock
            hashes = dict(zip(files, pool.map(_hash, files), strict=True))
        there = {path: found for path, found in hashes.items() if found is not None}
        names = {path: str(path.relative_to(lake.settings.home)) for path in there if _is_below(path, lake)}
        altered = tuple(path for path, name in names.items() if known.get(name, there[path]) != there[path])
        new = [(name, there[path]) for path, name in names.items() if name not in known]
        if not is_dry_run:
            con.executemany("insert into checksums values (?, ?)", new)
            gone = [(name,) for name in known.keys() - set(names.values())]
            con.executemany("delete from checksums where path = ?", gone)
            con.commit()
    return Checked(altered, len(names) - len(new), len(new))


def data_files(lake: Lake) -> Iterator[Path]:
    """Files of every snapshot that is kept: rows, and which of them are deleted."""
    meta = f"__ducklake_metadata_{ALIAS}"
    data = Path(lake.catalog.data)
    for kind in ("data", "delete"):
        for folder, name, is_relative in lake.rows(
            "select coalesce(schemas.path, '') || coalesce(tables.path, ''), files.path,"
            " files.path_is_relative"
            f" from {meta}.ducklake_{kind}_file as files"
            f" inner join {meta}.ducklake_table as tables using (table_id)"
            f" inner join {meta}.ducklake_schema as schemas using (schema_id)"
        ):
            yield data / folder / name if is_relative else Path(name)


def _is_below(path: Path, lake: Lake) -> bool:
    """A home can be moved: what lies in it is known by its place there."""
    return path.is_relative_to(lake.settings.home)


def _hash(path: Path) -> str | None:
    """None: no such file, which the lake itself says when it is read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
