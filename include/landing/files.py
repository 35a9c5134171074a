"""The files of a landing folder, in the order in which they are taken in."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.config.domain import Domain
from include.errors import ConfigError
from include.settings import Settings

log = logging.getLogger(__name__)
# Parquet is compressed inside: a .parquet.gz could only be read whole, so it is not a landing format.
FORMATS = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class PendingFile:
    """A landing file that waits.

    name: path below the source's folder.  modified_ns: time of change when it was listed.
    refused: content hash of a file whose name was ingested before with other content, else None.
    """

    kind: str
    name: str
    path: Path
    bytes: int
    modified_ns: int
    refused: str | None = None


def landing_folder(domain: Domain, settings: Settings, kind: str) -> Path:
    """The folder that holds the files of a kind: the domain's, or landing/<kind>.

    Raises ConfigError when the domain names one that is not there: that is no empty day.
    """
    own = domain.sources[kind].path
    if own is not None and not own.is_dir():
        raise ConfigError(f"sources.{kind}.path", str(own), "an existing folder", domain.file.name)
    return own or settings.landing / kind


def file_format(name: str) -> str | None:
    """jsonl, csv or parquet by the name's ending; None: not a landing file."""
    lower = name.lower()
    return next((kind for ending, kind in FORMATS.items() if lower.endswith(ending)), None)


def exact_path(path: Path) -> str:
    """The path as DuckDB's readers take it for this one file: they expand * ? and [ otherwise."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def list_files(folder: Path, kind: str) -> list[PendingFile]:
    """Every whole landing file below ``folder``, sorted by name.

    Names that begin with ``.`` or ``_`` or end in ``.tmp`` are still being written; links are not followed.
    """
    if not folder.is_dir():
        return []
    found = []
    for entry in _walk(str(folder)):
        name = os.path.relpath(entry.path, folder)
        if file_format(name) is None:
            log.info("%s is no landing file: expected one of %s", entry.path, ", ".join(FORMATS))
            continue
        stat = entry.stat(follow_symlinks=False)
        found.append(PendingFile(kind, name, Path(entry.path), stat.st_size, stat.st_mtime_ns))
    return sorted(found, key=lambda file: file.name)


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "_")) or entry.name.lower().endswith(".tmp"):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry
