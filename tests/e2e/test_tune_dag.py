"""The tuning DAG as a user runs it, on a lake that no nightly has published from yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.config.domain import load_domain
from include.installation import REPO
from include.lake.lake import open_lake
from include.nightly import stages
from include.run import Run
from include.settings import load_settings
from tests.support.nightly import land
from tests.support.taste import tasteful_rows

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DOMAIN = """\
domain: tastes
events:
  types:
    purchase: {weight: 1}
text: "{title}"
retrieval: {sources: [item_to_item, text]}
"""


def run_dag(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bin.run_dag", "tune_models"]
    return subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, timeout=280)


def test_one_command_searches_proposes_and_shows_each_source(tmp_path: Path) -> None:
    config = tmp_path / "tastes.yaml"
    config.write_text(DOMAIN)
    chosen = {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)}
    settings = load_settings(chosen)
    settings.make_folders()
    for kind, rows in tasteful_rows().items():
        land(settings, kind, f"{kind}.jsonl", rows)
    stages.ingest(Run("landed", settings, load_domain(config)), None, None)

    done = run_dag(os.environ | chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    for task in ("prepare", "search[0]", "search[1]", "search[2]", "propose"):
        assert f"{task} finished" in done.stdout
    (log,) = (settings.home / "airflow" / "logs" / "foreground" / "tune_models").glob("*.log")
    assert "item_to_item: trial 1 of 7: nDCG@10 0." in log.read_text()
    with open_lake(settings, read_only=True) as lake:
        assert lake.rows("select status, ndcg > 0.5, ndcg_champion from ops.proposals") == [
            ("open", True, None)
        ]
        # Nothing was embedded yet: the text source is left out.
        assert lake.rows("select distinct source from ops.tuning_trials order by source") == [
            ("item_to_item",),
            ("popular",),
        ]
        assert lake.value("select count(*) from serving.publications") == 0

    config.write_text(DOMAIN + 'tuning: {search: "off"}\n')
    done = run_dag(os.environ | chosen)
    assert done.returncode == 0 and "prepare skipped" in done.stdout, done.stdout + done.stderr
