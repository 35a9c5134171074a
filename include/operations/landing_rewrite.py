"""Take a person's rows out of a landing file, and tell the ledger, so that the file stays known."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import duckdb

from include.lake.catalog import NO_PATH_COLUMNS, quote
from include.lake.lake import Lake
from include.landing.hashes import hash_file
from include.operations.file_search import PERSON


def rewrite_landing_file(lake: Lake, name: str, user_id: str, *, run_id: str) -> None:
    """name: path below landing/, as events/2026-01-31.jsonl.  The new file takes the old one's place whole.

    The ledger's entry of the old content gets the new hash and size: the file is known, and not read again.
    """
    path = lake.settings.landing / name
    before = hash_file(path)
    partial = path.with_name(f".{path.name}.tmp")
    if path.suffix == ".parquet":
        _rewrite_parquet(path, partial, user_id)
    else:
        _rewrite_lines(path, partial, user_id)
    after, size = hash_file(partial), partial.stat().st_size

    def work(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(
            "update ops.ingests set content_hash = ?, bytes = ? where content_hash = ?", [after, size, before]
        )

    lake.write(work, run_id=run_id, message="landing file rewritten")
    partial.replace(path)


def _rewrite_parquet(path: Path, partial: Path, user_id: str) -> None:
    source = f"read_parquet({quote(str(path))}, {NO_PATH_COLUMNS})"
    with duckdb.connect() as con:
        con.execute(
            f"copy (select * from {source} where {PERSON}::varchar is distinct from {quote(user_id)})"
            f" to {quote(str(partial))} (format parquet)"
        )


def _rewrite_lines(path: Path, partial: Path, user_id: str) -> None:
    """Lines whose JSON has the id as a value, or that hold it as a whole cell."""
    opened = gzip.open if path.suffix == ".gz" else open
    cell = re.compile(rf"(?:^|[,;\t|])[\"']?{re.escape(user_id)}[\"']?(?:$|[,;\t|])")
    is_json = ".jsonl" in path.suffixes
    with (
        opened(path, "rt", encoding="utf-8", errors="surrogateescape", newline="") as source,
        opened(partial, "wt", encoding="utf-8", errors="surrogateescape", newline="") as target,
    ):
        for line in source:
            if not (_names(line, user_id) if is_json else cell.search(line.rstrip("\r\n"))):
                target.write(line)


def _names(line: str, user_id: str) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return user_id in line
    values = row.values() if isinstance(row, dict) else [row]
    return any(isinstance(value, str | int) and str(value) == user_id for value in values)
