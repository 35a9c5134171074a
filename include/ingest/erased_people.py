"""People who were erased: known by a keyed hash alone, so that a replay does not bring them back.

The key lies in NIGHTJAR_HOME and nowhere else: without it the hashes say nothing, and with it they say only
whether a given id was erased.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

import duckdb

from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.settings import Settings

TABLE = "ops.erased_people"
REASON = "erased_person"


def key_path(settings: Settings) -> Path:
    return settings.home / "erasure.key"


def person_hash_sql(column: str, key: str) -> str:
    """SQL of the keyed hash of a user id.  key: 64 hexadecimal digits."""
    return f"sha256(concat('{key}', chr(31), {column}))"


def erasure_key(settings: Settings) -> str:
    """The key, made once, readable by its owner alone."""
    path = key_path(settings)
    if not path.is_file():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made one meanwhile
        finally:
            draft.unlink()
    return path.read_text().strip()


def remember_erased(con: duckdb.DuckDBPyConnection, settings: Settings, user_id: str, at: datetime) -> None:
    """Enter a person, for use inside ``Lake.write``; once however often."""
    hashed = _hash_of(con, settings, user_id)
    con.execute(f"delete from {TABLE} where person_hash = ?", [hashed])
    insert_rows(con, TABLE, [{"person_hash": hashed, "erased_at": at}])


def forget_erased(con: duckdb.DuckDBPyConnection, settings: Settings, user_id: str) -> None:
    """Let a person's rows in again, for use inside ``Lake.write``."""
    con.execute(f"delete from {TABLE} where person_hash = ?", [_hash_of(con, settings, user_id)])


def refuse_erased(lake: Lake, kind: str, table: str) -> int:
    """Give staged rows of erased people their reason, and nothing of what they held; returns how many.

    table: of ``stage_rows``. Costs a look at a small table where nobody was ever erased.
    """
    if kind == "items" or not lake.value(f"select count(*) from nightjar.{TABLE}"):
        return 0
    hashed = person_hash_sql("user_id", erasure_key(lake.settings))
    return int(
        lake.con.execute(
            f"update {table} set reason = '{REASON}', raw = null"
            f" where user_id in (select distinct user_id from {table} where {hashed} in"
            f" (select person_hash from nightjar.{TABLE}))"
        ).fetchall()[0][0]
    )


def _hash_of(con: duckdb.DuckDBPyConnection, settings: Settings, user_id: str) -> str:
    row = con.execute(f"select {person_hash_sql('?', erasure_key(settings))}", [user_id]).fetchone()
    assert row is not None
    return str(row[0])
