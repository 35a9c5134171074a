"""Rows that an app posts: judged as landing rows are, and on disk before the answer."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from include.api.refusals import Refused
from include.config.domain import FIELDS, Domain
from include.landing.files import PendingFile
from include.landing.mapping import needed_columns
from include.landing.prepare import prepare_file
from include.landing.staging import stage_rows
from include.settings import Settings

MAX_ROWS = 10_000
SHOWN = 5
_TABLE = "posted_rows"


@dataclass(frozen=True)
class Landed:
    """rows: how many.  file: below landing/<kind>/, which the next refresh takes in."""

    rows: int
    file: str


class LandingRows:
    """Lands rows of the contract's own fields; threads take turns."""

    def __init__(self, settings: Settings, domain: Domain) -> None:
        self._settings = settings
        self._domain = domain
        self._con = duckdb.connect()
        self._con.execute("set timezone = 'UTC'")
        self._lock = threading.Lock()

    def close(self) -> None:
        self._con.close()

    def land(self, kind: str, rows: Sequence[Mapping[str, Any]], at: datetime) -> Landed:
        """All of the rows, or none.  kind: events, items or users.  at: the wall clock, naive UTC.

        Raises Refused: 422 with the first bad rows and why, 409 where the domain file maps other columns.
        """
        source = self._domain.sources[kind]
        if source.columns or source.path:
            raise Refused(
                409,
                f"{kind} of domain '{self._domain.name}' come from files of their own: see sources.{kind}",
            )
        if not rows:
            raise Refused(422, f"no {kind} in the request; expected at least one")
        if len(rows) > MAX_ROWS:
            raise Refused(422, f"{len(rows):,} {kind} in one request; expected at most {MAX_ROWS:,}")
        unknown = sorted({str(key) for row in rows for key in row} - set(FIELDS[kind]))
        if unknown:
            raise Refused(
                422, f"{kind} have no field {unknown[0][:60]!r}; expected {', '.join(FIELDS[kind])}"
            )
        with self._lock:
            self._judge(kind, rows, at)
        return Landed(len(rows), self._write(kind, rows, at))

    def _judge(self, kind: str, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
        with tempfile.TemporaryDirectory(dir=self._settings.home / "tmp", prefix="posted-") as folder:
            path = Path(folder) / "posted.jsonl"
            path.write_text(_lines(rows), encoding="utf-8")
            stat = path.stat()
            pending = PendingFile(kind, path.name, path, stat.st_size, stat.st_mtime_ns)
            needed = needed_columns(self._con, self._domain.sources[kind])
            limit = self._domain.quality.max_file_mb * 1e6
            prepared = prepare_file(self._con, pending, 0, needed, Path(folder), limit)
            if prepared is None or prepared.problem is not None:
                raise Refused(422, f"{kind} cannot be read: {prepared.problem if prepared else 'try again'}")
            problems = stage_rows(self._con, self._domain, kind, [prepared], _TABLE, at)
            if problems:
                raise Refused(422, f"{kind} cannot be read: {problems[0][:200]}")
            bad = self._con.execute(
                f"select position, reason from {_TABLE} where reason is not null"
                f" order by position limit {SHOWN}"
            ).fetchall()
        if bad:
            told = "; ".join(f"row {position}: {reason}" for position, reason in bad)
            raise Refused(422, f"nothing was taken in: {told}"[:500])

    def _write(self, kind: str, rows: Sequence[Mapping[str, Any]], at: datetime) -> str:
        folder = self._settings.landing / kind
        name = f"api-{at:%Y%m%dT%H%M%S}-{uuid4().hex}.jsonl"
        partial = folder / f".{name}.tmp"
        with partial.open("w", encoding="utf-8") as file:
            file.write(_lines(rows))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder / name)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        return name


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
