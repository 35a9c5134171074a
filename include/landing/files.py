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
    problem: why it cannot be read, where that shows before it is opened, else None.
    """

    kind: str
    name: str
    path: Path
    bytes: int
    modified_ns: int
    refused: str | None = None
    problem: str | None = None


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
    A folder that cannot be listed stands for its files, with the problem that it has.
    """
    if not folder.is_dir():
        return []
    found = []
    for path, problem in _walk(str(folder)):
        name = shown_name(os.path.relpath(path, folder))
        if problem is not None:
            found.append(PendingFile(kind, f"{name}/", Path(path), 0, 0, problem=problem))
        elif file_format(name) is None:
            log.info("%s is no landing file: expected one of %s", name, ", ".join(FORMATS))
        elif (stat := _stat(path)) is not None:
            bad_name = None if _is_utf8(path) else "unreadable: its name is no UTF-8; rename it"
            found.append(
                PendingFile(kind, name, Path(path), stat.st_size, stat.st_mtime_ns, problem=bad_name)
            )
    return sorted(found, key=lambda file: file.name)


def landed(folder: Path) -> frozenset[tuple[str, int]]:
    """Path and time of change of what ``list_files`` would list, for whoever watches the folder."""
    if not folder.is_dir():
        return frozenset()
    files = [
        path for path, problem in _walk(str(folder)) if problem is None and file_format(path) is not None
    ]
    return frozenset((path, stat.st_mtime_ns) for path in files if (stat := _stat(path)) is not None)


def shown_name(name: str) -> str:
    """A file's name as text that every table and page can hold: bytes that are no UTF-8 as \\xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_utf8(path: str) -> bool:
    return shown_name(path) == path


def _stat(path: str) -> os.stat_result | None:
    """None: the file is gone since it was listed, or may not be looked at: it waits for the next run."""
    try:
        return os.stat(path, follow_symlinks=False)
    except OSError as error:
        log.warning("%s was skipped: %s", shown_name(path), error)
        return None


def _walk(folder: str) -> Iterator[tuple[str, str | None]]:
    """Paths of files, and of folders that cannot be listed with the reason."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return  # gone since its parent was listed
    except OSError as error:
        yield folder, f"unreadable: {error.strerror}"
        return
    for entry in entries:
        if entry.name.startswith((".", "_")) or entry.name.lower().endswith(".tmp"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path, None
