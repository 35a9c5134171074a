"""Content hashes, remembered by size and time of change so that a file at rest is hashed once.

Only a cache: the ledger in the lake says what was ingested. Losing it costs one reading of each file.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """sha256 of the file as it lies."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class HashCache:
    """Hashes by path, valid while size and time of change stay the same.

    A row a file, so that the cost is that of the files asked for, not of all that ever landed. A cache that
    cannot be read or written only costs time.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._con = _open(file)
        except sqlite3.DatabaseError:
            file.unlink(missing_ok=True)
            self._con = _open(file)

    def get(self, path: Path, size: int, modified_ns: int) -> str:
        row = self._con.execute(
            "select hash from hashes where path = ? and size = ? and modified_ns = ?",
            (str(path), size, modified_ns),
        ).fetchone()
        if row is not None:
            return str(row[0])
        content_hash = hash_file(path)
        self.put(path, size, modified_ns, content_hash)
        return content_hash

    def put(self, path: Path, size: int, modified_ns: int, content_hash: str) -> None:
        with suppress(sqlite3.OperationalError):
            self._con.execute(
                "insert or replace into hashes values (?, ?, ?, ?)",
                (str(path), size, modified_ns, content_hash),
            )

    def save(self) -> None:
        """Keep what was put, and close."""
        with suppress(sqlite3.OperationalError):
            self._con.commit()
        self._con.close()


def _open(file: Path) -> sqlite3.Connection:
    con = sqlite3.connect(file, timeout=5)
    # Nothing is lost that cannot be hashed again.
    con.execute("pragma synchronous = off")
    con.execute(
        "create table if not exists hashes"
        " (path text primary key, size integer, modified_ns integer, hash text) without rowid"
    )
    return con
