"""What the rest stands on: commits, conflicts, readers; on both kinds of catalog."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from include.contracts import TABLES
from include.errors import LakeError
from include.installation import REPO
from include.lake.catalog import quote
from include.lake.create_tables import MARK
from include.lake.lake import Lake, adopt_files, open_lake
from include.lake.lock import writer_lock
from include.settings import Settings


def add_user(con: duckdb.DuckDBPyConnection, user_id: str) -> None:
    con.execute("insert into raw.users (user_id) values (?)", [user_id])


def user_ids(lake: Lake) -> list[str]:
    return [row[0] for row in lake.rows("select user_id from raw.users order by user_id")]


def test_new_lake_has_every_table_of_the_contract(any_catalog: Settings) -> None:
    with open_lake(any_catalog) as lake:
        found = {
            f"{schema}.{table}": names
            for schema, table, names in lake.rows(
                "select table_schema, table_name, list(column_name order by ordinal_position)"
                " from information_schema.columns where table_catalog = 'nightjar' group by all"
            )
        }
    assert {path: list(table.column_names) for path, table in TABLES.items()} == {
        path: names for path, names in found.items() if path in TABLES
    }


def test_an_altered_extension_is_refused_even_after_a_sound_one(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    shutil.copytree(settings.extensions, folder)
    own = replace(settings, extensions=folder)
    for _ in range(2):  # checked, then known
        with open_lake(own) as lake:
            assert lake.rows("select * from raw.users") == []
    [file] = folder.glob("*/*/ducklake.duckdb_extension")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    other = file.with_name("other")
    other.write_bytes(content)
    other.replace(file)
    with pytest.raises(LakeError, match="ignature"):
        open_lake(own)


def test_opening_again_changes_nothing(any_catalog: Settings) -> None:
    with open_lake(any_catalog) as lake:
        before = lake.snapshot()
    with open_lake(any_catalog) as lake:
        assert lake.snapshot() == before


def test_write_commits_with_run_id_and_message(any_catalog: Settings) -> None:
    with open_lake(any_catalog) as lake:
        lake.write(lambda con: add_user(con, "ann"), run_id="run-7", message="one user")
        row = lake.rows(
            "select commit_message, commit_extra_info from nightjar.snapshots() order by 1 nulls first"
        )
        assert user_ids(lake) == ["ann"]
    assert row[-1] == ("one user", '{"run_id": "run-7"}')


def test_beside_the_lake_is_not_asked_for_its_snapshot(any_catalog: Settings) -> None:
    def from_catalog(lake: Lake) -> int:
        sent = (
            "select count(*) from duckdb_logs"
            " where message like '%ducklake_snapshot%' and message not like '%duckdb_logs%'"
        )
        return int(lake.value(sent))

    with open_lake(any_catalog) as lake:
        lake.con.execute("create temp table mine as select 1 as a")
        lake.con.execute("call enable_logging('QueryLog')")
        lake.con.execute("select count(*) from mine")
        assert from_catalog(lake) > 0
        with lake.beside():
            before = from_catalog(lake)
            assert lake.value("select count(*) from mine") == 1
            assert from_catalog(lake) == before
        assert user_ids(lake) == []
        with pytest.raises(duckdb.CatalogException), lake.beside():
            lake.con.execute("select * from raw.users")
        assert user_ids(lake) == []


def test_failed_write_leaves_nothing(any_catalog: Settings) -> None:
    def broken(con: duckdb.DuckDBPyConnection) -> None:
        add_user(con, "ann")
        raise ValueError("in the middle")

    with open_lake(any_catalog) as lake:
        before = lake.snapshot()
        with pytest.raises(ValueError, match="in the middle"):
            lake.write(broken, run_id="r", message="m")
        assert user_ids(lake) == []
        assert lake.snapshot() == before
        lake.write(lambda con: add_user(con, "bob"), run_id="r", message="m")
        assert user_ids(lake) == ["bob"]


def test_attach_script_gives_readers_the_lake_and_no_write(any_catalog: Settings) -> None:
    with open_lake(any_catalog) as lake:
        lake.write(lambda con: add_user(con, "ann"), run_id="r", message="m")
        reader = duckdb.connect()
        reader.execute(any_catalog.attach_sql.read_text())
        assert reader.execute("select user_id from nightjar.raw.users").fetchall() == [("ann",)]
        with pytest.raises(duckdb.Error, match="read-only"):
            reader.execute("delete from nightjar.raw.users")
        reader.close()


def test_attach_script_holds_no_password(tmp_path: Path, domain_file: Path) -> None:
    from include.lake.catalog import attach_script
    from include.settings import load_settings

    lake = "postgres:host=db user=nightjar password=s3cret dbname=lake"
    made = load_settings(
        {"NIGHTJAR_HOME": str(tmp_path), "NIGHTJAR_CONFIG": str(domain_file), "NIGHTJAR_LAKE": lake}
    )
    script = attach_script(made)
    assert "s3cret" not in script
    assert "user=nightjar" in script and "dbname=lake" in script


def test_snapshot_reader_sees_the_past(any_catalog: Settings) -> None:
    with open_lake(any_catalog) as lake:
        lake.write(lambda con: add_user(con, "ann"), run_id="r", message="m")
        past = lake.snapshot()
        lake.write(lambda con: add_user(con, "bob"), run_id="r", message="m")
        with open_lake(any_catalog, snapshot=past) as old:
            assert user_ids(old) == ["ann"]
        assert user_ids(lake) == ["ann", "bob"]


def test_overlapping_writers_cannot_both_commit(any_catalog: Settings) -> None:
    """The fence: a rival that got past the lock file makes the first one start over, not double a key."""
    seen = []

    with open_lake(any_catalog) as lake, open_lake(any_catalog) as rival:

        def insert_if_absent(con: duckdb.DuckDBPyConnection) -> None:
            present = con.execute("select count(*) from raw.users where user_id = 'ann'").fetchone()
            seen.append(present)
            if not seen[1:]:
                rival.con.execute("begin")
                rival.con.execute("update ops.fence set token = token + 1")
                add_user(rival.con, "ann")
                rival.con.execute("commit")
            if present == (0,):
                add_user(con, "ann")

        lake.write(insert_if_absent, run_id="r", message="m")
        assert user_ids(lake) == ["ann"]
    assert seen == [(0,), (1,)]


@pytest.mark.slow
def test_writers_in_processes_of_their_own_lose_nothing(any_catalog: Settings) -> None:
    code = (
        "import sys\n"
        "from include.settings import load_settings\n"
        "from include.lake.lake import open_lake\n"
        "with open_lake(load_settings()) as lake:\n"
        "    for i in range(10):\n"
        "        lake.write(lambda con: con.execute('insert into raw.users (user_id) values (?)',"
        " [f'{sys.argv[1]}{i}']), run_id=sys.argv[1], message='m')\n"
    )
    with open_lake(any_catalog) as lake:
        environ = os.environ | {
            "NIGHTJAR_HOME": str(any_catalog.home),
            "NIGHTJAR_CONFIG": str(any_catalog.config),
            "NIGHTJAR_LAKE": any_catalog.lake,
            "PYTHONPATH": str(REPO),
        }
        writers = [subprocess.Popen([sys.executable, "-c", code, name], env=environ) for name in "abc"]
        counts = [0]
        while any(writer.poll() is None for writer in writers):
            counts.append(lake.value("select count(*) from raw.users"))
            time.sleep(0.02)
        assert [writer.returncode for writer in writers] == [0, 0, 0]
        assert counts == sorted(counts)
        assert len(user_ids(lake)) == len(set(user_ids(lake))) == 30
        assert lake.value("select token from ops.fence") >= 30


def test_adopted_parquet_replaces_the_content(settings: Settings) -> None:
    with open_lake(settings) as lake:
        folder = Path(lake.catalog.data) / "features" / "adopted"
        folder.mkdir(parents=True)
        for name, item in (("one", "a"), ("two", "b")):
            lake.con.execute(
                f"copy (from (values (1)) left join features.item_stats on false"
                f" select item_stats.* replace ('{item}' as item_id, 3::bigint as users))"
                f" to {quote(str(folder / f'{name}.parquet'))}"
            )
        for name, expected in (("one", "a"), ("two", "b")):
            files = [str(folder / f"{name}.parquet")]
            lake.write(
                lambda con, files=files: adopt_files(con, "features.item_stats", files),
                run_id="r",
                message="m",
            )
            assert lake.rows("select item_id, users from features.item_stats") == [(expected, 3)]
        assert lake.files("features.item_stats") == [(str(folder / "two.parquet"), None)]


def test_a_file_that_is_published_again_outlives_the_clean_up(settings: Settings) -> None:
    """Day 1, day 2, day 1 again; then all snapshots but the newest expire and their files are removed."""
    with open_lake(settings) as lake:
        folder = Path(lake.catalog.data) / "features" / "adopted"
        folder.mkdir(parents=True)
        for name in ("one", "two"):
            lake.con.execute(
                "copy (from (values (1)) left join features.item_stats on false"
                f" select item_stats.* replace ('{name}' as item_id))"
                f" to {quote(str(folder / f'{name}.parquet'))}"
            )
        for name in ("one", "two", "one", "one"):
            files = [str(folder / f"{name}.parquet")]
            lake.write(
                lambda con, files=files: adopt_files(con, "features.item_stats", files),
                run_id="r",
                message="m",
            )
            assert lake.rows("select item_id from features.item_stats") == [(name,)]
        lake.con.execute("call ducklake_expire_snapshots('nightjar', older_than => now() + interval 1 day)")
        lake.con.execute("call ducklake_cleanup_old_files('nightjar', cleanup_all => true)")
        assert not (folder / "two.parquet").exists()
    with open_lake(settings) as lake:
        assert lake.rows("select item_id from features.item_stats") == [("one",)]


def test_reading_a_lake_that_is_not_there_says_so(new_home: Settings) -> None:
    with pytest.raises(LakeError, match="no lake at .* run `make nightly` first"):
        open_lake(new_home, read_only=True)


def test_lock_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "writer.lock"
    with writer_lock(path, "run-1"), pytest.raises(LakeError, match="held by 'run-1 "):
        with writer_lock(path, "run-2", timeout_seconds=0.2):
            pass
    with writer_lock(path, "run-2", timeout_seconds=0.2):
        pass


@pytest.mark.faults
def test_stopped_writer_is_replaced_and_cannot_commit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer frozen inside its transaction: another takes over; thawed, the first one starts over."""
    monkeypatch.setattr("include.lake.lock.STALE_SECONDS", 2.5)
    code = (
        "import pathlib, time\n"
        "from include.settings import load_settings\n"
        "from include.lake.lake import open_lake\n"
        "settings = load_settings()\n"
        "def work(con):\n"
        "    tries = settings.home / 'tries'\n"
        "    seen = con.execute('select count(*) from raw.users').fetchone()[0]\n"
        "    with tries.open('a') as file: file.write(str(seen))\n"
        "    con.execute('insert into raw.users (user_id) values (?)', [f'old saw {seen}'])\n"
        "    if seen == 0: time.sleep(1)\n"
        "with open_lake(settings) as lake:\n"
        "    lake.write(work, run_id='old', message='m')\n"
    )
    with open_lake(settings) as lake:
        environ = os.environ | {
            "NIGHTJAR_HOME": str(settings.home),
            "NIGHTJAR_CONFIG": str(settings.config),
            "PYTHONPATH": str(REPO),
        }
        old = subprocess.Popen([sys.executable, "-c", code], env=environ)
        tries = settings.home / "tries"
        while not tries.exists() or not tries.read_text():
            time.sleep(0.02)
        os.kill(old.pid, signal.SIGSTOP)
        try:
            lake.write(lambda con: add_user(con, "new"), run_id="new", message="m")
        finally:
            os.kill(old.pid, signal.SIGCONT)
        assert old.wait(timeout=60) == 0
        assert user_ids(lake) == ["new", "old saw 1"]
    assert tries.read_text() == "01"


def test_a_writer_that_is_stopped_in_a_commit_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds SQLite's write lock, so that replacing it is not enough; another stopped process stays."""
    monkeypatch.setattr("include.lake.lock.STALE_SECONDS", 1.5)
    code = (
        "import sqlite3, sys, time\n"
        "from pathlib import Path\n"
        "from include.lake.lock import writer_lock\n"
        "with writer_lock(Path(sys.argv[1]), 'stopped'):\n"
        "    con = sqlite3.connect(sys.argv[2], isolation_level=None)\n"
        "    con.execute('begin immediate')\n"
        "    print('in the commit', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with open_lake(settings) as lake:
        catalog = settings.lake_dir / "catalog.sqlite"
        old = subprocess.Popen(
            [sys.executable, "-c", code, str(lake.lock_path), str(catalog)],
            env=os.environ | {"PYTHONPATH": str(REPO)},
            stdout=subprocess.PIPE,
        )
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            assert old.stdout and old.stdout.readline() == b"in the commit\n"
            for process in (old, bystander):
                os.kill(process.pid, signal.SIGSTOP)
            began = time.monotonic()
            lake.write(lambda con: add_user(con, "new"), run_id="new", message="m")
            assert time.monotonic() - began < 15
            assert old.wait(timeout=10) == -signal.SIGKILL and bystander.poll() is None
        finally:
            for process in (old, bystander):
                process.kill()
                process.wait()
        assert user_ids(lake) == ["new"]


def test_lock_serialises_threads(tmp_path: Path) -> None:
    inside, most = [], []

    def work(name: str) -> None:
        for _ in range(20):
            with writer_lock(tmp_path / "writer.lock", name):
                inside.append(name)
                most.append(len(inside))
                inside.remove(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80


def test_a_reader_finds_the_columns_of_this_version_in_a_lake_of_the_one_before(settings: Settings) -> None:
    with open_lake(settings) as lake:
        lake.con.execute("alter table raw.items drop column vectors")
        lake.con.execute("drop table ops.exports")
    (settings.lake_dir / MARK).write_text("another version\n")
    with open_lake(settings, read_only=True) as lake:
        assert lake.rows("select vectors from raw.items") == lake.rows("select * from ops.exports") == []
    mark = (settings.lake_dir / MARK).stat().st_mtime_ns
    open_lake(settings, read_only=True).close()
    open_lake(settings).close()
    assert (settings.lake_dir / MARK).stat().st_mtime_ns == mark
