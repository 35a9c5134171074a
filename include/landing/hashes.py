"""Content hashes, remembered by size and time of change so that a file at rest is hashed once.

Only a cache: the ledger in the lake says what was ingested. Losing it costs one reading of each file.
"""

from __future__ import annotations

import hashlib
import json
import os
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
    """Hashes by path, valid while size and time of change stay the same."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[object]] = {}
        self._changed = False
        try:
            loaded = json.loads(file.read_text(encoding="utf-8"))
            self._known = loaded if isinstance(loaded, dict) else {}
        except (OSError, ValueError):
            pass  # not there, or cut off by a crash: hash again

    def get(self, path: Path, size: int, modified_ns: int) -> str:
        entry = self._known.get(str(path))
        if entry is not None and entry[:2] == [size, modified_ns]:
            return str(entry[2])
        content_hash = hash_file(path)
        self.put(path, size, modified_ns, content_hash)
        return content_hash

    def put(self, path: Path, size: int, modified_ns: int, content_hash: str) -> None:
        self._known[str(path)] = [size, modified_ns, content_hash]
        self._changed = True

    def save(self) -> None:
        if not self._changed:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(json.dumps(self._known), encoding="utf-8")
        partial.replace(self._file)
        self._changed = False
