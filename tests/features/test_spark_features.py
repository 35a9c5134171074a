"""build_features on a lake: its files as they lie, the process that it starts, a cluster, a missing Java."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pyspark
import pytest

from include.config.domain import Domain
from include.errors import ConfigError, DataError, NightjarError
from include.features import java
from include.features.confidence import confidence_of, user_items_sql
from include.features.job import job_environment
from include.features.spark import FeatureFiles, build_features
from include.installation import REPO
from include.lake.lake import Lake, adopt_files, open_lake
from include.settings import Settings

START = datetime(2026, 1, 1)
CUTOFF = START + timedelta(days=20)
COLUMNS = "user_id, item_id, weight, events, first_event_at, last_event_at, as_of"


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


def land(lake: Lake, batch: str, users: range, days: int = 25) -> None:
    """Each user meets an item a day, a different one from day to day and user to user."""
    rows = [
        (
            f"{batch}{user}-{day}",
            f"u{user}",
            f"i{(user + day * 3) % 11}",
            ["rating", "purchase", "return"][(user + day) % 3],
            START + timedelta(days=day, minutes=user),
            float(day % 5),
        )
        for user in users
        for day in range(days)
    ]
    insert = "insert into raw.events (event_id, user_id, item_id, event_type, event_at, value)"
    lake.write(
        lambda con: con.executemany(f"{insert} values (?, ?, ?, ?, ?, ?)", rows),
        run_id="test",
        message=batch,
    )


def expected(lake: Lake, domain: Domain, snapshot: int, cutoff: datetime) -> list[tuple]:
    events = f"(select * from raw.events at (version => {snapshot}))"
    sql = user_items_sql(events, confidence_of(domain.events), cutoff)
    return lake.rows(f"select {COLUMNS} from ({sql}) order by user_id, item_id")


def written(lake: Lake, features: FeatureFiles, cutoff: str, table: str = "user_items") -> list[tuple]:
    files = list(features.files(cutoff, table))
    return lake.rows(f"select {COLUMNS} from read_parquet(?) order by user_id, item_id", [files])


def assert_same(ours: list[tuple], theirs: list[tuple]) -> None:
    assert [row[:2] + row[3:] for row in ours] == [row[:2] + row[3:] for row in theirs]
    assert [row[2] for row in ours] == pytest.approx([row[2] for row in theirs], rel=1e-9, abs=1e-12)


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("java_kind", ["installed", "bundled"])
def test_the_job_reads_the_snapshot_in_place_and_the_lake_adopts_what_it_wrote(
    lake: Lake, domain: Domain, settings: Settings, java_kind: str
):
    """With deleted rows, merged files, a batch that comes after the snapshot; and with no Java installed."""
    environ = dict(os.environ) | {"NIGHTJAR_JAVA": "bundled" if java_kind == "bundled" else ""}
    if java_kind == "bundled":
        environ |= {"PATH": os.defpath, "JAVA_HOME": ""}
    land(lake, "one", range(6))
    land(lake, "two", range(6, 9))
    lake.con.execute("call ducklake_merge_adjacent_files('nightjar')")
    lake.write(
        lambda con: con.execute("delete from raw.events where user_id = 'u3' or item_id = 'i5'"),
        run_id="test",
        message="delete",
    )
    snapshot = lake.snapshot()
    land(lake, "later", range(20, 22))
    earlier = CUTOFF - timedelta(days=10)
    features = build_features(
        lake,
        domain,
        settings,
        run_id="test",
        snapshot=snapshot,
        cutoffs={"as_of": CUTOFF, "holdout": earlier},
        tables={"holdout": ("user_items",)},
        environ=environ,
    )
    assert_same(written(lake, features, "as_of"), expected(lake, domain, snapshot, CUTOFF))
    assert_same(written(lake, features, "holdout"), expected(lake, domain, snapshot, earlier))
    users = {row[0] for row in written(lake, features, "as_of")}
    assert users == {f"u{user}" for user in range(9) if user != 3}

    tables = features.tables["as_of"]
    rows = {table: found.rows for table, found in tables.items()}
    assert rows["user_stats"] == 8 and rows["item_stats"] == 10

    def adopt(con) -> None:
        for table, found in tables.items():
            adopt_files(con, f"features.{table}", found.files)

    lake.write(adopt, run_id="test", message="adopt")
    for table, count in rows.items():
        assert lake.value(f"select count(*) from features.{table}") == count
    assert_same(
        lake.rows(f"select {COLUMNS} from features.user_items order by user_id, item_id"),
        written(lake, features, "as_of"),
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A standalone master and a worker on loopback, from the pip package; gives the master's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
    log = tmp_path / "cluster.log"
    environ = job_environment(os.environ) | {"SPARK_NO_DAEMONIZE": "1", "SPARK_WORKER_DIR": str(tmp_path)}
    # Nothing of this repository where the tasks run: what they need comes with them.
    environ["PYTHONPATH"] = ""
    started = []

    def start(kind: str, *arguments: str) -> None:
        command = [str(spark_class), f"org.apache.spark.deploy.{kind}", "--host", "127.0.0.1", *arguments]
        with log.open("ab") as output:
            started.append(
                subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT)
            )

    def wait_for(words: str) -> None:
        deadline = time.monotonic() + 120
        while not re.search(words, log.read_text()):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)

    address = f"spark://127.0.0.1:{port}"
    try:
        start("master.Master", "--port", str(port), "--webui-port", "0")
        wait_for("New state: ALIVE")
        start("worker.Worker", "--webui-port", "0", "--cores", "2", "--memory", "1g", address)
        wait_for("Registering worker")
        yield address
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


@pytest.mark.spark
@pytest.mark.slow
def test_a_cluster_writes_what_one_process_writes(
    lake: Lake, domain: Domain, settings: Settings, cluster: str
):
    land(lake, "one", range(9))
    results = []
    for master in ("local[2]", cluster):
        features = build_features(
            lake,
            domain,
            replace(settings, spark_master=master),
            run_id="test",
            snapshot=lake.snapshot(),
            cutoffs={"as_of": CUTOFF},
        )
        results.append(
            {
                table: lake.rows("select * from read_parquet(?)", [list(found.files)])
                for table, found in features.tables["as_of"].items()
            }
        )
    assert results[0] == results[1]
    assert all(results[0].values())


@pytest.mark.spark
@pytest.mark.slow
def test_a_job_that_fails_says_why_and_where_its_log_is(lake: Lake, domain: Domain, settings: Settings):
    land(lake, "one", range(2), days=1)
    file = Path(lake.files("raw.events")[0][0])
    snapshot = lake.snapshot()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(
        NightjarError, match=r"(?s)build_features.py ended with status 1.*spark.log.*ducklake-.*parquet"
    ):
        build_features(lake, domain, settings, run_id="test", snapshot=snapshot, cutoffs={"as_of": CUTOFF})


def test_no_events_are_refused_before_spark_starts(lake: Lake, domain: Domain, settings: Settings):
    with pytest.raises(DataError, match="holds no event at snapshot"):
        build_features(
            lake, domain, settings, run_id="test", snapshot=lake.snapshot(), cutoffs={"as_of": CUTOFF}
        )
    assert not (settings.runs / "spark").exists()


def test_the_installed_java_comes_first_and_the_bundled_one_takes_its_place(tmp_path: Path):
    installed = tmp_path / "jdk"
    (installed / "bin").mkdir(parents=True)
    (installed / "bin" / "java").write_text("")
    (installed / "bin" / "java").chmod(0o755)
    (installed / "release").write_text('JAVA_VERSION="21.0.2"\n')
    environ = {"JAVA_HOME": str(installed), "PATH": ""}
    assert java.find_java(environ) == installed
    (installed / "release").write_text('JAVA_VERSION="11.0.2"\n')
    assert java.find_java(environ) == java.JAVA_SHIM_HOME


def test_no_java_at_all_is_an_error_that_names_the_remedy(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(java, "JAVA_SHIM_HOME", tmp_path / "nothing")
    with pytest.raises(ConfigError, match="JAVA_HOME.*bin/setup"):
        java.find_java({"PATH": ""})


_NEVER_ENDS = """
import os, sys
from pathlib import Path
from include.features import job
job.JOBS = Path(sys.argv[1]).parent
job.run_job("job", [], Path(sys.argv[2]), master="local[1]", environ=os.environ, java_options=[])
"""
_JOB = """
import os, sys, time
from pathlib import Path
from spark_jobs.session import end_with_parent
assert "--end-with-parent" in sys.argv
end_with_parent()
Path("pid").write_text(str(os.getpid()))
time.sleep(300)
"""


@pytest.mark.faults
@pytest.mark.slow
def test_the_job_ends_when_its_caller_is_killed(tmp_path: Path):
    (tmp_path / "job.py").write_text(_JOB)
    command = [sys.executable, "-c", _NEVER_ENDS, str(tmp_path / "job.py"), str(tmp_path / "work")]
    caller = subprocess.Popen(command, cwd=REPO)
    pid_file = tmp_path / "work" / "pid"
    try:
        deadline = time.monotonic() + 120
        while not pid_file.exists() or not pid_file.read_text():
            assert caller.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        caller.kill()
        caller.wait()
    job = psutil.Process(int(pid_file.read_text())) if psutil.pid_exists(int(pid_file.read_text())) else None
    if job is not None:
        job.wait(timeout=60)
