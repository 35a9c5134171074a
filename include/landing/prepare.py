"""From a landing file to something DuckDB reads in one statement, or to the reason why it cannot be read."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb

from include.errors import DataError
from include.lake.catalog import NO_PATH_COLUMNS
from include.landing.clean import clean_text
from include.landing.files import PendingFile, exact_path, file_format
from include.landing.hashes import hash_file
from include.landing.header import MAX_HEADER_CHARS, check_width, read_header

log = logging.getLogger(__name__)
# Digits of the offset at the head of each line of the format `offsets`: the largest 64-bit number has 19.
OFFSET_DIGITS = 19


@dataclass(frozen=True)
class PreparedFile:
    """A landing file of a batch.

    number: place in the batch, from 0.  path: what DuckDB reads: clean text, or the Parquet file itself.
    format: jsonl, csv, parquet, or offsets (JSON lines that each begin with their Kafka offset).
    columns: of the file, in order, with their types; () for JSON lines.
    rows: how many; of text, the lines.
    status: ingested, unreadable or refused.  problem: why it is not read, as a quarantine reason.
    repeats: rows of a file with the same content that was ingested under another name, else None.
    """

    number: int
    name: str
    content_hash: str
    bytes: int
    format: str
    path: Path
    columns: tuple[tuple[str, str], ...] = ()
    delimiter: str = ","
    rows: int = 0
    has_marks: bool = False
    status: str = "ingested"
    problem: str | None = None
    repeats: int | None = None


def prepare_file(
    con: duckdb.DuckDBPyConnection,
    file: PendingFile,
    number: int,
    needed: Collection[str],
    folder: Path,
    max_bytes: float,
) -> PreparedFile | None:
    """Read a file once: hash it, clean it if it is text, find its columns.

    needed: columns without which the mapping cannot be applied; a file that lacks one is not read.
    folder: where clean text goes.  max_bytes: of text, unpacked.
    None: the file changed meanwhile and waits for the next run.
    """
    if file.problem is not None:
        return _unread(file, number, problem_hash(file), "unreadable", file.problem)
    if file.refused is not None:
        problem = "refused: a file of this name was ingested with other content; land it under a new name"
        return _unread(file, number, file.refused, "refused", problem)
    try:
        if file_format(file.name) == "parquet":
            prepared = _prepare_parquet(con, file, number)
        else:
            prepared = _prepare_text(file, number, needed, folder, max_bytes)
    except (FileNotFoundError, PermissionError) as error:
        # Perhaps the producer's doing, and soon undone: it waits for the next run.
        log.warning("%s/%s was skipped: %s", file.kind, file.name, error)
        return None
    if _has_changed(file):
        log.info("%s/%s is still being written; left for the next run", file.kind, file.name)
        return None
    if prepared.status != "ingested" or prepared.format == "jsonl" or not prepared.columns:
        return prepared
    present = {column.lower() for column, _ in prepared.columns}
    lacking = sorted(column for column in needed if column.lower() not in present)
    if lacking:
        problem = f"missing_columns: {', '.join(lacking)} (has {', '.join(c for c, _ in prepared.columns)})"
        return _unread(file, number, prepared.content_hash, "unreadable", problem[:1000])
    return prepared


def problem_hash(file: PendingFile) -> str:
    """Stands for the content of what cannot be opened: the same problem of the same file is the same."""
    return hashlib.sha256(f"{file.name}\0{file.problem}\0{file.modified_ns}".encode()).hexdigest()


def _has_changed(file: PendingFile) -> bool:
    try:
        stat = file.path.stat()
    except FileNotFoundError:
        return True
    return (stat.st_size, stat.st_mtime_ns) != (file.bytes, file.modified_ns)


def _unread(file: PendingFile, number: int, content_hash: str, status: str, problem: str) -> PreparedFile:
    log.warning("%s/%s: %s", file.kind, file.name, problem)
    form = file_format(file.name) or ""
    return PreparedFile(
        number, file.name, content_hash, file.bytes, form, file.path, status=status, problem=problem
    )


def _prepare_text(
    file: PendingFile, number: int, needed: Collection[str], folder: Path, max_bytes: float
) -> PreparedFile:
    form = file_format(file.name) or ""
    target = folder / f"{number:06d}.{form}"
    try:
        is_gzip = file.name.lower().endswith(".gz")
        text = clean_text(file.path, target, is_gzip=is_gzip, max_bytes=max_bytes)
        if form == "jsonl" and text.is_array:
            raise DataError(f"{file.name} is a JSON array; expected an object a line, as jq -c '.[]' writes")
        columns: tuple[tuple[str, str], ...] = ()
        delimiter = ","
        if form == "csv" and text.lines:
            with target.open(encoding="utf-8", newline="\n") as stream:
                line = stream.readline(MAX_HEADER_CHARS)
            delimiter, names = read_header(line.rstrip("\n"), needed, file.name)
            columns = tuple((name, "VARCHAR") for name in names)
    except DataError as error:
        return _unread(file, number, hash_file(file.path), "unreadable", f"unreadable: {error}")
    return PreparedFile(
        number,
        file.name,
        text.content_hash,
        text.bytes,
        form,
        target,
        columns,
        delimiter,
        rows=text.lines,
        has_marks=text.has_marks,
    )


def _prepare_parquet(con: duckdb.DuckDBPyConnection, file: PendingFile, number: int) -> PreparedFile:
    content_hash = hash_file(file.path)
    if file.bytes == 0:
        return PreparedFile(number, file.name, content_hash, 0, "parquet", file.path)
    path = exact_path(file.path)
    try:
        columns = con.execute(
            f"describe select * from read_parquet([?], {NO_PATH_COLUMNS})", [path]
        ).fetchall()
        check_width(len(columns), file.name)
        rows = con.execute("select sum(num_rows) from parquet_file_metadata([?])", [path]).fetchone()
    except DataError as error:
        return _unread(file, number, content_hash, "unreadable", f"unreadable: {error}")
    except duckdb.Error as error:
        return _unread(file, number, content_hash, "unreadable", f"unreadable: {str(error)[:500]}")
    assert rows is not None
    return PreparedFile(
        number,
        file.name,
        content_hash,
        file.bytes,
        "parquet",
        file.path,
        tuple((str(column[0]), str(column[1])) for column in columns),
        rows=int(rows[0] or 0),
    )
