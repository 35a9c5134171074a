"""Is everything there that a night needs, and sound?  Each finding says what was found, and the mend."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from include.config.domain import Domain, load_domain
from include.errors import NightjarError
from include.features.java import find_java
from include.ingest.ingest import KINDS
from include.ingest.pending import find_pending
from include.lake.catalog import find_catalog
from include.lake.checksums import check_files, data_files
from include.lake.lake import Lake, open_lake
from include.operations.catalog_file import apart
from include.publish.champion import find_champion
from include.recommender.storage import load_recommender
from include.settings import Settings
from include.texts.text_model import find_text_model

T = TypeVar("T")
OK, WARN, FAIL = "ok", "warn", "FAIL"
MIN_FREE_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """status: OK, WARN or FAIL.  mend: what to run or do; "" where all is well."""

    status: str
    what: str
    found: str
    mend: str = ""


def examine(settings: Settings, environ: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    """Set-up, home, domain, lake, model, age and disk, in this order; nothing is written.

    environ: in which Java is looked for.  now: naive UTC.  Whatever is broken is a finding, never an error.
    """
    yield from _set_up(settings, environ)
    yield _home(settings)
    domain, finding = _tried("domain file", "mend the file", lambda: load_domain(settings.config))
    if domain is None:
        yield finding
        return
    yield Finding(OK, "domain file", f"{domain.name} ({settings.config.name})")
    yield _text_model(domain)
    yield from _lake(settings, domain, now)
    yield _disk(settings)


def _tried(what: str, mend: str, work: Callable[[], T]) -> tuple[T | None, Finding]:
    try:
        return work(), Finding(OK, what, "sound")
    except (NightjarError, OSError) as error:
        return None, Finding(FAIL, what, str(error), mend)


def _set_up(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    extensions = settings.extensions
    n = sum(1 for _ in extensions.rglob("*.duckdb_extension")) if extensions.is_dir() else 0
    if n:
        yield Finding(OK, "DuckDB's extensions", f"{n} installed")
    else:
        yield Finding(FAIL, "DuckDB's extensions", f"none in {extensions}", "make setup")
    java, finding = _tried("Java", "make setup", lambda: find_java(environ))
    yield finding if java is None else Finding(OK, "Java", str(java))


def _home(settings: Settings) -> Finding:
    home = settings.home
    if not home.is_dir():
        return Finding(WARN, "home", f"{home} is not there yet", "make nightly (or make demo) makes it")
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        return Finding(WARN, "home", f"{home} is open to others ({mode:o})", f"chmod 700 {home}")
    return Finding(OK, "home", str(home))


def _text_model(domain: Domain) -> Finding:
    model, finding = _tried("text model", "mend text_model", lambda: find_text_model(domain.text_model))
    return finding if model is None else Finding(OK, "text model", model.key)


def _lake(settings: Settings, domain: Domain, now: datetime) -> Iterator[Finding]:
    catalog = find_catalog(settings)
    if (
        catalog.kind == "sqlite"
        and Path(catalog.target).is_file()
        and (problem := apart("damage", catalog=catalog.target))
    ):
        yield Finding(
            FAIL,
            "catalog",
            problem,
            "stop every writer and restore a backup: docs/operations.md, Backup and restore",
        )
        return
    try:
        lake = open_lake(settings, read_only=True)
    except NightjarError as error:
        is_new = "run `make nightly` first" in str(error)
        mend = "make nightly" if is_new else "docs/operations.md, Repair"
        yield Finding(WARN if is_new else FAIL, "lake", str(error), mend)
        return
    with lake:
        yield Finding(OK, "catalog", f"{catalog.kind}, snapshot {lake.snapshot()}")
        yield _data_files(lake)
        yield _model(lake)
        yield _age(lake, domain, now)
        yield from _waiting(lake, domain)
        yield from _exports(lake, domain)
        yield from _chat(lake, domain)


def _data_files(lake: Lake) -> Finding:
    """Every file that the catalog names is there, with the bytes that `maintain_lake` saw first."""
    if not lake.catalog.is_local:
        return Finding(OK, "data files", f"not looked at: {lake.catalog.data} is no folder of this machine")
    files = list(data_files(lake))
    gone = [path for path in files if not path.is_file()]
    checked = check_files(lake, is_dry_run=True)
    wrong = [f"{path} is gone" for path in gone]
    wrong += [f"{path} is not what was written (sha256 differs)" for path in checked.altered]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        mend = "restore a backup: docs/operations.md, Backup and restore"
        return Finding(FAIL, "data files", wrong[0] + more, mend)
    found = f"{len(files):,} there, {checked.known:,} compared with their checksums"
    return Finding(OK, "data files", found)


def _model(lake: Lake) -> Finding:
    champion = find_champion(lake)
    if champion is None:
        return Finding(WARN, "model", "nothing is published yet", "make nightly")
    read = partial(load_recommender, champion.artifact, champion.checksum)  # anew, whatever was read before
    model, finding = _tried("model", "make nightly trains another", read)
    return finding if model is None else Finding(OK, "model", champion.model_version)


def _age(lake: Lake, domain: Domain, now: datetime) -> Finding:
    at = lake.value("select max(published_at) from serving.publications where kind <> 'refresh'")
    if at is None:
        return Finding(WARN, "newest nightly", "none yet", "make nightly")
    hours = (now - at).total_seconds() / 3600
    found = f"{hours:,.1f} hours ago"
    if domain.stale_after_hours is not None and hours > domain.stale_after_hours:
        return Finding(WARN, "newest nightly", found, "see reports/latest.html, then make nightly")
    return Finding(OK, "newest nightly", found)


def _waiting(lake: Lake, domain: Domain) -> Iterator[Finding]:
    for kind in KINDS:
        look = partial(find_pending, lake, domain, lake.settings, kind)
        files, finding = _tried(f"landed {kind}", "mend the folder", look)
        if files is None:
            yield finding
        elif files:
            yield Finding(WARN, f"landed {kind}", f"{len(files):,} files wait", "make refresh takes them in")
        else:
            yield Finding(OK, f"landed {kind}", "all taken in")


def _exports(lake: Lake, domain: Domain) -> Iterator[Finding]:
    """How the last export to each target went."""
    for target in domain.exports:
        rows = lake.rows(
            "select publication_id, error, exported_at from ops.exports where target = ?"
            " order by exported_at desc limit 1",
            [target.name],
        )
        what = f"export to {target.name}"
        if not rows:
            yield Finding(WARN, what, "nothing yet", "make nightly, or the next refresh, exports")
        elif rows[0][1]:
            yield Finding(FAIL, what, rows[0][1], "mend the target; the next refresh or nightly tries again")
        else:
            yield Finding(OK, what, f"{rows[0][0]} at {rows[0][2]:%Y-%m-%d %H:%M}")


def _chat(lake: Lake, domain: Domain) -> Iterator[Finding]:
    """A chat model that is configured and never heard of is an error."""
    if domain.chat.url is None:
        return
    rows = lake.rows(
        "select use, cached, answered, asked - cached - answered, problem from ops.chat_calls"
        " where run_id = (select run_id from ops.chat_calls order by asked_at desc limit 1)"
    )
    mend = "see ops.chat_calls; mend chat.url, or take it out of the domain file"
    if not rows:
        yield Finding(FAIL, "chat model", f"{domain.chat.url} is configured and was never asked", mend)
    for use, cached, answered, missed, problem in rows:
        found = f"{answered:,} answered, {cached:,} known, {missed:,} told without it"
        found += f": {problem}" if problem else ""
        status = FAIL if not (answered or cached) else WARN if missed else OK
        yield Finding(status, f"chat model, {use}", found, "" if status == OK else mend)


def _disk(settings: Settings) -> Finding:
    folder = settings.home if settings.home.is_dir() else settings.home.parent
    if not folder.is_dir():
        return Finding(WARN, "disk", f"{folder} is not there", "make it")
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return Finding(WARN, "disk", found, "make room: a nightly writes about as much as the lake holds")
    return Finding(OK, "disk", found)
