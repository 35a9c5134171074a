"""Bring every target to what is live; what a target holds, it says itself."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import redis

from include.config.domain import Domain
from include.config.export_targets import ExportTarget
from include.errors import ExportError, NightjarError
from include.exports.folder import Folder
from include.exports.key_value import KeyValue
from include.exports.postgres import Postgres
from include.exports.target import Change, Target
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake, open_lake
from include.passwords import hide_passwords
from include.settings import Settings

log = logging.getLogger(__name__)
_FAILURES = (NightjarError, OSError, duckdb.Error, redis.RedisError)


@dataclass(frozen=True)
class Exported:
    """A row of ops.exports.  error: "" where it went well."""

    target: str
    publication_id: str
    is_whole: bool
    rows: int
    deleted: int
    seconds: float
    error: str


def export_lists(
    settings: Settings,
    domain: Domain,
    *,
    run_id: str,
    now: datetime,
    is_refresh: bool = False,
    environ: Mapping[str, str] | None = None,
) -> list[Exported]:
    """Export to every target that is behind; a target that fails is recorded and holds up no other.

    is_refresh: leave out targets that want nightlies alone.  environ: where addresses are looked up; None:
    this process's.  What is exported is one snapshot of the lake. Nothing is raised for a target that fails:
    the next export, of whatever run, brings it up to date.
    """
    wanted = [target for target in domain.exports if not (is_refresh and target.every == "nightly")]
    done: list[Exported] = []
    for target in wanted:
        # A connection a target: a server's attachment, and its transaction, are nobody else's.
        with open_lake(settings, snapshot=_newest(settings)) as lake:
            found = _export(lake, settings, target, os.environ if environ is None else environ)
        if found is not None:
            done.append(found)
            log.log(
                logging.WARNING if found.error else logging.INFO,
                "export %s: %s, %d rows, %.2f s%s",
                found.target,
                found.publication_id,
                found.rows,
                found.seconds,
                f"; {found.error}" if found.error else "",
            )
    if done:
        rows = [{**asdict(found), "run_id": run_id, "exported_at": now} for found in done]
        with open_lake(settings) as lake:
            lake.write(lambda con: insert_rows(con, "ops.exports", rows), run_id=run_id, message="exports")
    return done


def _newest(settings: Settings) -> int:
    with open_lake(settings, read_only=True) as lake:
        return lake.snapshot()


def _export(
    lake: Lake, settings: Settings, target: ExportTarget, environ: Mapping[str, str]
) -> Exported | None:
    """None: the target holds what is live."""
    live = lake.value("select max(publication_id) from serving.publications")
    if live is None:
        return None
    began, since, is_whole = time.monotonic(), None, True
    try:
        with opened(lake.con, settings, target, environ) as place:
            held = place.held()
            if held == live:
                return None
            since = held if _is_followed_by_refreshes(lake, held) else None
            is_whole = since is None
            written = place.write(lake.con, Change(live, since))
    except _FAILURES as error:
        said = hide_passwords(" ".join(str(error).split()))[:500]
        return Exported(target.name, live, is_whole, 0, 0, round(time.monotonic() - began, 3), said)
    seconds = round(time.monotonic() - began, 3)
    return Exported(target.name, live, is_whole, written.rows, written.deleted, seconds, "")


def _is_followed_by_refreshes(lake: Lake, held: str | None) -> bool:
    """Whether only refreshes came after it, so that rows since then are all that changed."""
    if held is None:
        return False
    known = lake.value("select count(*) from serving.publications where publication_id = ?", [held])
    others = "select count(*) from serving.publications where publication_id > ? and kind <> 'refresh'"
    return bool(known) and not lake.value(others, [held])


def forget_person(
    settings: Settings, domain: Domain, user_id: str, environ: Mapping[str, str] | None = None
) -> None:
    """Take an erased person out of every target.  Raises ExportError naming those that could not be reached,
    after the others are done."""
    failed = []
    for target in domain.exports:
        with open_lake(settings, read_only=True) as lake:
            try:
                with opened(lake.con, settings, target, os.environ if environ is None else environ) as place:
                    place.forget(lake.con, user_id)
            except _FAILURES as error:
                failed.append(f"{target.name}: {hide_passwords(' '.join(str(error).split()))[:200]}")
    if failed:
        raise ExportError(
            "the lake holds nothing of the person any more, but these export targets may: "
            + "; ".join(failed)
            + "; bring them up and erase again"
        )


@contextmanager
def opened(
    con: duckdb.DuckDBPyConnection, settings: Settings, target: ExportTarget, environ: Mapping[str, str]
) -> Iterator[Target]:
    """The target, open.  Raises ExportError where its variable is not set."""
    place = _open(con, settings, target, environ)
    try:
        yield place
    finally:
        place.close()


def _open(
    con: duckdb.DuckDBPyConnection, settings: Settings, target: ExportTarget, environ: Mapping[str, str]
) -> Target:
    if target.kind in ("parquet", "csv"):
        path = Path(str(target.path)).expanduser()
        return Folder(target, path if path.is_absolute() else settings.home / path)
    address = environ.get(str(target.url_from), "")
    if not address:
        raise ExportError(
            f"export target '{target.name}': the environment variable {target.url_from} is not set; expected"
            f" the address of a {target.kind} server"
        )
    return Postgres(con, target, address) if target.kind == "postgres" else KeyValue(target, address)
