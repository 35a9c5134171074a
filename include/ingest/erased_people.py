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

from include.config.domain import FIELDS
from include.errors import LakeError
from include.lake.catalog import ALIAS
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
    """Give staged rows of erased people their reason, and nothing of what they held.

    table: of ``stage_rows``.  Returns how many people have been erased: see ``StagedBatch.erasures``. Costs a
    look at a small table where nobody ever was.  Raises LakeError where the key is gone.
    """
    erasures = count_erasures(lake.con)
    if erasures and not key_path(lake.settings).is_file():
        raise LakeError(
            f"{key_path(lake.settings)} is gone, by which {erasures} erased people are known: restore it from"
            " a backup, or their rows would come back"
        )
    if erasures and "user_id" in FIELDS[kind]:
        hashed = person_hash_sql("user_id", erasure_key(lake.settings))
        lake.con.execute(
            f"update {table} set reason = '{REASON}', raw = null"
            f" where user_id in (select distinct user_id from {table} where {hashed} in"
            f" (select person_hash from {ALIAS}.{TABLE}))"
        )
    return erasures


def count_erasures(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute(f"select count(*) from {ALIAS}.{TABLE}").fetchone()
    assert row is not None
    return int(row[0])


def _hash_of(con: duckdb.DuckDBPyConnection, settings: Settings, user_id: str) -> str:
    row = con.execute(f"select {person_hash_sql('?', erasure_key(settings))}", [user_id]).fetchone()
    assert row is not None
    return str(row[0])
