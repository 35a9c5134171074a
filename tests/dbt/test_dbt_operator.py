"""The operator in a real Airflow run: models built, assets emitted, failures red and told."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from include.installation import REPO
from include.lake.lake import open_lake
from include.settings import Settings, load_settings
from tests.quality import seeds

DAGS = REPO / "tests" / "dbt" / "dags"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def run_dag(settings: Settings) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    command = [sys.executable, "-m", "bin.run_dag", "dbt_throwaway", "--dags-folder", str(DAGS)]
    return subprocess.run(command, env=env, cwd=REPO, capture_output=True, text=True)


def assets(home: Path) -> set[str]:
    with sqlite3.connect(home / "airflow" / "airflow.db") as database:
        rows = database.execute("select a.uri from asset_event e join asset a on a.id = e.asset_id")
        return {uri for (uri,) in rows}


def test_a_run_builds_the_marts_and_a_bad_row_turns_it_red(tmp_path: Path) -> None:
    seeds.seeded_domain(tmp_path)
    environ = {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(tmp_path / "seeds.yaml")}
    settings = load_settings(environ)
    with open_lake(settings) as lake:
        lake.write(lambda con: con.execute(seeds.GOOD + seeds.RUNS), run_id="r1", message="seed")

        done = run_dag(settings)
        assert done.returncode == 0, done.stdout + done.stderr
        assert lake.value("select count(*) from marts.recommendations") == 9
        assert {"nightjar://staging/stg_events", "nightjar://marts/recommendations"} <= assets(settings.home)

        lake.write(
            lambda con: con.execute("update ops.ingests set source = 'other'"), run_id="r2", message="break"
        )
        done = run_dag(settings)
        assert done.returncode == 1
        assert "accepted_values_stg_ingests_source" in done.stdout
    assert not (REPO / "dbt_project" / "target").exists()
