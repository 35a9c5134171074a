"""Lists in folders, in a real Postgres and in a real Valkey: whole, current, mended, without the erased."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import redis

from include.config.domain import Domain, load_domain
from include.config.export_targets import TABLES, ExportTarget
from include.errors import ConfigError, ExportError
from include.exports.export import Exported, export_lists
from include.exports.folder import CURRENT
from include.installation import REPO
from include.lake.lake import Lake
from include.operations.erase import erase_user
from include.operations.rollback import rollback
from tests.support.books import NEWEST, NOW, Run, books_file, lake, published_home, purchase, settings, tick
from tests.support.nightly import land
from tests.support.postgres import Postgres, program
from tests.support.valkey import running_valkey

__all__ = ["books_file", "lake", "published_home", "settings", "tick"]
PG, KV = "EXPORT_PG", "EXPORT_KV"
Lists = dict[str, list[str]]


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[str]:
    with running_valkey() as address:
        yield address


@pytest.fixture
def environ(postgres: Postgres, valkey_server: str) -> dict[str, str]:
    redis.Redis.from_url(valkey_server).flushdb()
    return {PG: postgres.create_database(f"export_{uuid.uuid4().hex[:12]}"), KV: valkey_server}


@pytest.fixture
def domain(books_file: Path, tmp_path: Path) -> Domain:
    targets = (
        ExportTarget(name="files", kind="parquet", path=str(tmp_path / "files"), tables=TABLES, keep=2),
        ExportTarget(name="sheets", kind="csv", path=str(tmp_path / "sheets"), gzip=False),
        ExportTarget(name="sql", kind="postgres", url_from=PG, tables=TABLES),
        ExportTarget(name="keys", kind="redis", url_from=KV, tables=TABLES),
    )
    return replace(load_domain(books_file), exports=targets)


def export(lake: Lake, domain: Domain, environ: dict[str, str], **more: Any) -> dict[str, Exported]:
    done = export_lists(lake.settings, domain, run_id="r", now=NOW, environ=environ, **more)
    return {found.target: found for found in done}


def lists_of(rows: list[tuple[str, int, str]]) -> Lists:
    found: Lists = {}
    for user, _, item in sorted(rows):
        found.setdefault(user, []).append(item)
    return found


def live(lake: Lake) -> Lists:
    return lists_of(lake.rows('select user_id, "rank", item_id from serving.recommendations'))


def in_files(domain: Domain) -> Lists:
    path = f"{domain.exports[0].path}/{CURRENT}/recommendations.parquet"
    return lists_of(duckdb.sql(f"select user_id, rank, item_id from '{path}'").fetchall())


def in_sheets(domain: Domain) -> Lists:
    with (Path(str(domain.exports[1].path)) / CURRENT / "recommendations.csv").open(encoding="utf-8") as file:
        return lists_of([(row["user_id"], int(row["rank"]), row["item_id"]) for row in csv.DictReader(file)])


def ask_sql(environ: dict[str, str], query: str) -> list[list[str]]:
    """By Postgres' own client."""
    command = [str(program("psql")), "-d", environ[PG], "-AtF", "\t", "-c", query]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    return [line.split("\t") for line in found.splitlines()]


def in_sql(environ: dict[str, str]) -> Lists:
    rows = ask_sql(environ, "select user_id, rank, item_id from nightjar_recommendations")
    return lists_of([(user, int(rank), item) for user, rank, item in rows])


def in_keys(environ: dict[str, str]) -> Lists:
    client = redis.Redis.from_url(environ[KV])
    return {
        key.decode().removeprefix("nightjar:list:"): [
            item["item_id"] for item in json.loads(client.get(key))["items"]
        ]
        for key in client.scan_iter("nightjar:list:*")
    }


def everywhere(domain: Domain, environ: dict[str, str]) -> list[Lists]:
    return [in_files(domain), in_sheets(domain), in_sql(environ), in_keys(environ)]


def one_more_purchase(lake: Lake, tick: Run, user: str = "u01", book: str = "b09", hour: int = 13) -> None:
    land(
        lake.settings,
        "events",
        f"{uuid.uuid4().hex}.jsonl",
        [purchase(user, book, NEWEST.replace(hour=hour))],
    )
    assert tick() is not None


def test_every_target_holds_what_is_live_and_then_what_changed(
    lake: Lake, domain: Domain, environ: dict[str, str], tick: Run
) -> None:
    first = export(lake, domain, environ)
    assert {name: (found.is_whole, found.error) for name, found in first.items()} == dict.fromkeys(
        ("files", "sheets", "sql", "keys"), (True, "")
    )
    assert everywhere(domain, environ) == [live(lake)] * 4
    assert export(lake, domain, environ) == {}  # nothing is behind
    one_more_purchase(lake, tick)
    second = export(lake, domain, environ, is_refresh=True)
    assert everywhere(domain, environ) == [live(lake)] * 4
    changed = lake.value(
        "select count(*) from serving.recommendations where publication_id ="
        " (select max(publication_id) from serving.publications)"
    )
    lists_alone = replace(domain, exports=tuple(replace(t, tables=TABLES[:1]) for t in domain.exports[2:]))
    assert not second["sql"].is_whole and not second["keys"].is_whole
    assert 0 < changed < second["files"].rows
    one_more_purchase(lake, tick, book="b10", hour=14)
    third = export(lake, lists_alone, environ)
    assert {found.rows for found in third.values()} == {5}  # one person's list
    recorded = lake.rows(
        "select target, count(*) from ops.exports where error = '' group by all order by all"
    )
    assert recorded == [("files", 2), ("keys", 3), ("sheets", 2), ("sql", 3)]


def test_servers_tell_their_publication_and_hold_the_other_tables(
    lake: Lake, domain: Domain, environ: dict[str, str]
) -> None:
    export(lake, domain, environ)
    newest = lake.value("select max(publication_id) from serving.publications")
    assert ask_sql(environ, "select publication_id from nightjar_publication") == [[newest]]
    client = redis.Redis.from_url(environ[KV])
    assert client.get("nightjar:publication") == newest.encode()
    popular = [item["item_id"] for item in json.loads(client.get("nightjar:popular:all"))["items"]]
    in_lake = lake.rows("select item_id from serving.popular_items where segment = 'all' order by rank")
    assert popular == [item for (item,) in in_lake]
    similar = "select count(*) from nightjar_similar_items"
    assert ask_sql(environ, similar) == [[str(lake.value("select count(*) from serving.similar_items"))]]


def test_a_rollback_is_exported_whole(lake: Lake, domain: Domain, environ: dict[str, str], tick: Run) -> None:
    before, first = live(lake), lake.value("select max(publication_id) from serving.publications")
    one_more_purchase(lake, tick)
    export(lake, domain, environ)
    rollback(lake, first, run_id="back", now=NOW + timedelta(hours=1))
    done = export(lake, domain, environ)
    assert all(found.is_whole for found in done.values())
    assert everywhere(domain, environ) == [before] * 4 == [live(lake)] * 4


def test_who_has_had_everything_loses_the_list_everywhere(
    lake: Lake, domain: Domain, environ: dict[str, str], tick: Run
) -> None:
    export(lake, domain, environ)
    everything = [purchase("u01", f"b{at:02}", NEWEST.replace(hour=13)) for at in range(30)]
    land(lake.settings, "events", "all.jsonl", everything)
    tick()
    assert "u01" not in live(lake)
    export(lake, domain, environ)
    assert everywhere(domain, environ) == [live(lake)] * 4


def test_a_target_that_is_down_holds_up_no_other_and_catches_up(
    lake: Lake, domain: Domain, environ: dict[str, str]
) -> None:
    down = {PG: "host=127.0.0.1 port=1 user=nobody dbname=none password=secret", KV: environ[KV]}
    done = export(lake, domain, down)
    assert {name for name, found in done.items() if found.error} == {"sql"}
    assert "secret" not in done["sql"].error
    assert set(export(lake, domain, {KV: environ[KV]})) == {"sql"}
    told = lake.rows("select error from ops.exports where target = 'sql' order by exported_at")
    assert "EXPORT_PG is not set" in told[-1][0] or "EXPORT_PG is not set" in told[0][0]
    assert export(lake, domain, environ)["sql"].error == ""
    assert in_sql(environ) == live(lake)


_KILLED = """
import dataclasses, json, os, signal, sys
from datetime import datetime
from include.config.domain import load_domain
from include.config.export_targets import ExportTarget
from include.exports import export, folder, key_value, postgres
from include.settings import load_settings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

run = postgres.Postgres._run
last = "insert into \\"nightjar_publication"
folder.Folder._switch = die
key_value.KeyValue._delete_others = die
postgres.Postgres._run = lambda self, sql: die() if sql.startswith(last) else run(self, sql)
settings = load_settings()
target = ExportTarget(name="t", kind=sys.argv[1], **json.loads(sys.argv[2]))
domain = dataclasses.replace(load_domain(settings.config), exports=(target,))
export.export_lists(settings, domain, run_id="k", now=datetime(2030, 1, 1))
"""


@pytest.mark.faults
@pytest.mark.parametrize("place", [0, 2, 3], ids=["files", "sql", "keys"])
def test_a_killed_export_is_mended_by_the_next(
    lake: Lake, domain: Domain, environ: dict[str, str], place: int
) -> None:
    target = domain.exports[place]
    options = {"path": target.path} if place == 0 else {"url_from": target.url_from}
    home = {"NIGHTJAR_HOME": str(lake.settings.home), "NIGHTJAR_CONFIG": str(lake.settings.config)}
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, target.kind, json.dumps(options)],
        env={**os.environ, **environ, **home},
        cwd=REPO,
        timeout=60,
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr[-500:]
    if place == 2:
        assert in_sql(environ) == {}  # readers of what was not committed see nothing of it
    alone = replace(domain, exports=(replace(target, tables=TABLES[:1]),))
    done = export(lake, alone, environ)
    assert done[target.name].is_whole and not done[target.name].error
    read = {0: lambda: in_files(domain), 2: lambda: in_sql(environ), 3: lambda: in_keys(environ)}[place]
    assert read() == live(lake)


def test_old_versions_go_and_formulas_stay_text(
    lake: Lake, domain: Domain, environ: dict[str, str], tick: Run
) -> None:
    for hour in (13, 14, 15):
        one_more_purchase(lake, tick, book=f"b{hour}", hour=hour)
        lake.write(
            lambda con: con.execute("update serving.recommendations set reason = '=1+1' where \"rank\" = 1"),
            run_id="t",
            message="formula",
        )
        export(lake, domain, environ)
    folder = Path(str(domain.exports[0].path))
    kept = sorted(path.name for path in folder.iterdir() if not path.is_symlink())
    assert len(kept) == 2 and os.readlink(folder / CURRENT) == kept[-1]
    with (Path(str(domain.exports[1].path)) / CURRENT / "recommendations.csv").open() as file:
        assert {row["reason"] for row in csv.DictReader(file) if row["rank"] == "1"} == {"'=1+1"}


def test_an_erased_person_leaves_every_target(
    lake: Lake, domain: Domain, environ: dict[str, str], tick: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(lake, domain, environ)
    one_more_purchase(lake, tick)
    export(lake, domain, environ)
    for name, address in environ.items():
        monkeypatch.setenv(name, address)
    erase_user(lake, domain, "u01", run_id="e", now=NOW)
    assert "u01" not in live(lake)
    assert everywhere(domain, environ) == [live(lake)] * 4
    for target in domain.exports[:2]:
        whole = b"".join(path.read_bytes() for path in Path(str(target.path)).rglob("*") if path.is_file())
        assert len([path for path in Path(str(target.path)).iterdir() if not path.is_symlink()]) == 1
        assert target.kind == "parquet" or b"u01" not in whole
    monkeypatch.delenv(PG)
    with pytest.raises(ExportError, match="sql: .*EXPORT_PG is not set.*erase again"):
        erase_user(lake, domain, "u02", run_id="e", now=NOW)
    assert "u02" not in in_keys(environ)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("{name: a, kind: parquet}", r"exports\[0\].path"),
        ("{name: a, kind: postgres}", r"exports\[0\].url_from"),
        ("{name: a, kind: redis, url_from: X}, {name: a, kind: redis, url_from: Y}", "no other target"),
        ("{name: a b, kind: csv, path: x}", "letters, digits"),
        ("{name: a, kind: kafka, path: x}", "kind"),
        ("{name: a, kind: csv, path: x, tables: [secrets]}", "a list of recommendations"),
    ],
)
def test_a_wrong_target_is_named(books_file: Path, tmp_path: Path, target: str, expected: str) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(books_file.read_text() + f"exports: [{target}]\n")
    with pytest.raises(ConfigError, match=expected):
        load_domain(wrong)
