"""Files that appear whole: a reader, or a run after a kill, sees the old one or the new one, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path`` to write to; it takes the place of ``path`` when the block ends well.

    Each process has a name of its own, so that two writers at once leave one whole file. A file that an error
    left half-written is removed; one that a kill left is hidden from whoever lists the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
