"""Lists in Redis or Valkey: a key a person, written only where the list changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import duckdb
import redis

from include.config.export_targets import ExportTarget
from include.exports.target import COLUMNS, KEYS, Change, Written

# Keys of a MULTI: some 2 MB of lists of 50.
AT_ONCE = 200
ROWS_READ = 10_000
_WORDS = {"recommendations": "list", "similar_items": "similar", "popular_items": "popular"}


class KeyValue:
    """<prefix>list:<user_id>, <prefix>similar:<item_id>, <prefix>popular:<segment>: JSON; <prefix>publication
    is written last.  A reader sees each list whole, the old one or the new."""

    def __init__(self, target: ExportTarget, address: str) -> None:
        url = address.replace("valkeys://", "rediss://", 1).replace("valkey://", "redis://", 1)
        seconds = target.timeout_seconds
        self._server: Any = redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)
        self._target = target

    def _key(self, kind: str, name: str = "") -> str:
        return f"{self._target.prefix}{kind}" + (f":{name}" if name else "")

    def held(self) -> str | None:
        found = self._server.get(self._key("publication"))
        return found.decode() if found else None

    def write(self, con: duckdb.DuckDBPyConnection, change: Change) -> Written:
        if change.since is None:
            # Until everything is there, nothing may claim to be whole.
            self._server.delete(self._key("publication"))
        rows = deleted = 0
        for table in self._target.tables:
            kept: set[str] | None = set() if change.since is None else None
            rows += self._write_table(con, change, table, kept)
            if kept is not None:
                deleted += self._delete_others(_WORDS[table], kept)
        if change.since is not None and "recommendations" in self._target.tables:
            gone = [self._key("list", str(user)) for (user,) in con.execute(change.gone()).fetchall()]
            deleted += int(self._server.delete(*gone)) if gone else 0
        self._server.set(self._key("publication"), change.publication_id)
        return Written(rows, deleted)

    def _write_table(
        self, con: duckdb.DuckDBPyConnection, change: Change, table: str, kept: set[str] | None
    ) -> int:
        """kept: gets the names of the keys that were written."""
        told = [column for column in COLUMNS[table] if column not in (KEYS[table], "publication_id")]
        rows = waiting = 0
        pipe = self._server.pipeline(transaction=True)
        for name, lines in groupby(_rows(con, change, table), key=lambda row: row[KEYS[table]]):
            items = [{column: row[column] for column in told} for row in lines]
            value = {"publication_id": change.publication_id, "items": items}
            pipe.set(self._key(_WORDS[table], str(name)), json.dumps(value, ensure_ascii=False))
            rows, waiting = rows + len(items), waiting + 1
            if kept is not None:
                kept.add(str(name))
            if waiting == AT_ONCE:
                pipe.execute()
                waiting = 0
        pipe.execute()
        return rows

    def _delete_others(self, kind: str, kept: set[str]) -> int:
        head = self._key(kind) + ":"
        deleted = 0
        for key in self._server.scan_iter(match=_literal(head) + "*", count=1000):
            if key.decode("utf-8", "surrogateescape").removeprefix(head) not in kept:
                deleted += int(self._server.delete(key))
        return deleted

    def forget(self, con: duckdb.DuckDBPyConnection, user_id: str) -> None:
        self._server.delete(self._key("list", user_id))

    def close(self) -> None:
        self._server.close()


def _rows(con: duckdb.DuckDBPyConnection, change: Change, table: str) -> Iterator[dict[str, Any]]:
    # A cursor of its own: the connection stays free for what is asked while these are read.
    query = f'{change.rows(table)} order by {KEYS[table]}, "rank"'
    reader = con.cursor().execute(query).to_arrow_reader(ROWS_READ)
    for batch in reader:
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield dict(zip(COLUMNS[table], row, strict=True))


def _literal(text: str) -> str:
    """A pattern of SCAN that matches just the text."""
    return "".join(f"\\{character}" if character in "*?[]^\\" else character for character in text)
