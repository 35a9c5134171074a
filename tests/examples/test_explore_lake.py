"""The notebook, run as a program and as marimo runs it, on a published lake."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.installation import REPO
from include.lake.lake import Lake
from tests.support.books import books_file, lake, published_home, settings

__all__ = ["books_file", "lake", "published_home", "settings"]
NOTEBOOK = REPO / "examples" / "explore_lake.py"


def test_every_cell_answers(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_HOME", str(lake.settings.home))
    spec = importlib.util.spec_from_file_location("explore_lake", NOTEBOOK)
    assert spec and spec.loader
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, found = notebook.app.run()
    assert found["freshness"]["kind"].tolist() == ["nightly"]
    assert len(found["their_list"]) == 5 and (found["their_list"]["reason"] != "").all()
    in_lake = lake.value('select count(*) from serving.recommendations where "rank" <= 10')
    assert found["sources"]["places"].sum() == in_lake == found["reach"]["lists"].sum()
    assert found["reach"]["share"].iloc[-1] == pytest.approx(1)
    assert found["by_day"]["events"].sum() == lake.value("select count(*) from raw.events")
    for chart in ("source_chart", "reach_chart", "day_chart"):
        assert found[chart].to_dict()["title"]


def test_without_a_lake_it_says_what_to_run(tmp_path: Path) -> None:
    environ = {**os.environ, "NIGHTJAR_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, NOTEBOOK], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode and "run `make demo`" in done.stdout + done.stderr
