"""Which files below a folder name a person, whatever kind of file it is."""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from include.lake.catalog import NO_PATH_COLUMNS, quote

CHUNK_BYTES = 1 << 20
# A shorter number stands in any file of figures: it is looked for only where it is named as an id.
MIN_DIGITS = 6
PERSON = "user_id"


def files_that_name(home: Path, user_id: str) -> Iterator[str]:
    """Paths below the home, but for landing/, whose rows only the mapping tells apart: see person_rows.py.

    Parquet is read by its columns, SQLite by its values and as bytes (its free pages), gzip is unpacked, all
    else is searched as bytes.
    """
    raw = re.compile(person_pattern(user_id).encode())
    with duckdb.connect() as con:
        for path in sorted(home.rglob("*")):
            # Its own requests name the person until their run ends.
            if not path.is_file() or path.is_symlink() or path.name.startswith("request-"):
                continue
            if path.is_relative_to(home / "landing"):
                continue
            if path.suffix == ".parquet":
                is_named = _is_in_parquet(con, path, user_id)
            elif path.suffix in (".sqlite", ".db"):
                is_named = _is_in_sqlite(path, user_id) or holds(path, raw)
            else:
                is_named = holds(path, raw)
            if is_named:
                yield str(path.relative_to(home))


def person_pattern(user_id: str) -> str:
    """A regular expression, of RE2 and Python alike, of the id where it stands alone.

    A short number must stand where an id does, after the word user.
    """
    if user_id.isdigit() and len(user_id) < MIN_DIGITS:
        return rf"(?i:user[a-z_ ]*[\"']?\s*[:=,]?\s*[\"']?){re.escape(user_id)}(?:[^0-9A-Za-z_]|$)"
    return whole_word(user_id)


def whole_word(user_id: str) -> str:
    """The same, wherever it stands alone."""
    return rf"(?:^|[^0-9A-Za-z_]){re.escape(user_id)}(?:[^0-9A-Za-z_]|$)"


def _is_in_parquet(con: duckdb.DuckDBPyConnection, path: Path, user_id: str) -> bool:
    relation, pattern = f"read_parquet({quote(str(path))}, {NO_PATH_COLUMNS})", person_pattern(user_id)
    try:
        names = [row[0] for row in con.execute(f"describe select * from {relation}").fetchall()]
        # What was landed is text in `raw`, whoever it is of; other columns name items, sources …
        asked = {PERSON: (f"{PERSON}::varchar = ?", user_id), "raw": ("regexp_matches(raw, ?)", pattern)}
        wanted = [asked[name] for name in names if name in asked]
        if not wanted:
            return False
        condition = " or ".join(sql for sql, _ in wanted)
        values = [value for _, value in wanted]
        return (
            con.execute(f"select 1 from {relation} where {condition} limit 1", values).fetchone() is not None
        )
    except duckdb.Error:
        return holds(path, re.compile(re.escape(user_id).encode()))


def _is_in_sqlite(path: Path, user_id: str) -> bool:
    """Values that hold the id, alone or within a text: one record's values lie side by side in its bytes."""
    pattern = re.compile(person_pattern(user_id))
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as con:
            con.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for (table,) in con.execute("select name from sqlite_master where type = 'table'").fetchall():
                for row in con.execute(f'select * from "{table}"'):
                    if any(
                        value == user_id or pattern.search(value) for value in row if isinstance(value, str)
                    ):
                        return True
    except sqlite3.Error:
        return False  # no SQLite file, or another's lock: its bytes are searched
    return False


def holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether the file's bytes, unpacked, match.  A pattern over 2 KB may be missed between two chunks."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            held = b""
            while chunk := file.read(CHUNK_BYTES):
                # What lies across two chunks is searched with the second one.
                held = held[-2048:] + chunk
                if pattern.search(held):
                    return True
    except (OSError, EOFError):
        return False  # gone meanwhile, or no gzip: landing judges it
    return False
