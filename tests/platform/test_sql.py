"""bin.sql and bin.clean_home: the shell attaches the lake, and only a NIGHTJAR_HOME is ever removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bin.foreground_runs import foreground_run
from include.installation import DUCKDB_EXTENSIONS, REPO


def run(module: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NIGHTJAR_HOME": str(home)} | variables
    return subprocess.run(
        [sys.executable, "-m", module],
        env=env,
        cwd=REPO,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_a_statement_reads_what_attach_sql_attached(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "attach.sql").write_text(
        f"set extension_directory = '{DUCKDB_EXTENSIONS}'; load ducklake; load sqlite;\n"
        f"attach 'ducklake:sqlite:{lake}/c.sqlite' as nightjar (data_path '{lake}/data');\n"
        "create table if not exists nightjar.t as select 6 * 7 as answer;\n"
    )
    done = run("bin.sql", tmp_path, Q="copy (from nightjar.t) to '/dev/stdout' (format csv)")
    assert (done.returncode, done.stdout) == (0, "answer\n42\n"), done.stderr


def test_an_error_is_plain_and_fails(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "attach.sql").write_text("select 1;\n")
    done = run("bin.sql", tmp_path, Q="select * from nowhere")
    assert done.returncode != 0
    assert "Table with name nowhere does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_before_the_first_run_there_is_no_lake(tmp_path: Path) -> None:
    done = run("bin.sql", tmp_path)
    assert done.returncode == 1
    assert "no lake yet" in done.stderr


def test_only_a_nightjar_home_is_removed(tmp_path: Path) -> None:
    mistyped = tmp_path / "mistyped"
    mistyped.mkdir()
    (mistyped / "thesis.txt").write_text("years of work")
    assert run("bin.clean_home", mistyped, YES="1").returncode == 1
    assert (mistyped / "thesis.txt").is_file()
    home = tmp_path / "home"
    assert run("bin.prepare_home", home).returncode == 0
    assert run("bin.clean_home", home, YES="1").returncode == 0
    assert not home.exists()


def test_a_home_is_cleaned_once_it_is_said_yes_to_and_own_files_stay(tmp_path: Path) -> None:
    assert run("bin.prepare_home", tmp_path).returncode == 0
    events = tmp_path / "landing" / "events"
    (events / "movielens.parquet").touch()
    (events / "shop-2026-01-31.csv").write_text("a feed of one's own")
    (tmp_path / "notes.txt").touch()
    asked = run("bin.clean_home", tmp_path)
    assert asked.returncode == 1 and "clean-demo YES=1" in asked.stdout
    assert (events / "movielens.parquet").exists() and (tmp_path / "airflow").is_dir()
    done = run("bin.clean_home", tmp_path, YES="1")
    assert done.returncode == 0 and "2 files that Nightjar did not write stay" in done.stdout, done.stdout
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "notes.txt",
        "shop-2026-01-31.csv",
    ]


def test_a_home_in_use_is_not_cleaned(tmp_path: Path) -> None:
    assert run("bin.prepare_home", tmp_path).returncode == 0
    with foreground_run(tmp_path / "airflow", "any", "run"):
        done = run("bin.clean_home", tmp_path, YES="1")
    assert done.returncode == 1 and "left alone" in done.stdout
    assert (tmp_path / "airflow").is_dir()
