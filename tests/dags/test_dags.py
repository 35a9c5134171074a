"""What Airflow sees of dags/: they load, are named as their files, import nothing heavy, follow the data."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from include.installation import REPO

DAGS = sorted(path.stem for path in (REPO / "dags").glob("*.py"))
# Each costs a parse, and every start of a task, seconds.
HEAVY = ("torch", "pyspark", "great_expectations", "sentence_transformers", "implicit", "lightgbm")
LOOK = f"""
import json, sys, time
from airflow.dag_processing.dagbag import BundleDagBag
from pathlib import Path
folder = Path(sys.argv[1])
bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
print(json.dumps({{
    "errors": bag.import_errors,
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "dags": {{
        dag.dag_id: {{
            "file": Path(dag.fileloc).stem,
            "tasks": {{task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}},
            "doc": bool(dag.doc_md),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "params": list(dag.params),
            "mapped": [task.task_id for task in dag.tasks if task.is_mapped],
            "without_retry_or_timeout": [
                task.task_id
                for task in dag.tasks
                # A person is asked once: a second try would ask whoever has just said no.
                if task.task_id != "approve" and (not task.retries or task.execution_timeout is None)
            ],
        }}
        for dag in bag.dags.values()
    }},
}}))
"""
NIGHTLY = [
    "ingest.ingest",
    "ingest.gate_input",
    "ingest.dbt_staging",
    "train.build_features",
    "train.evaluate",
    "train.train",
    "publish.rank_candidates",
    "publish.audit",
    "publish.publish",
    "report.dbt_marts",
    "report.report",
]


@pytest.fixture(scope="module")
def seen() -> dict:
    """In a process of its own: what other tests imported does not count."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(REPO / "dags")],
        capture_output=True,
        text=True,
        cwd=REPO,
        env=os.environ,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_every_file_loads_as_one_dag_of_its_name(seen: dict) -> None:
    assert seen["errors"] == {}
    assert sorted(seen["dags"]) == DAGS
    assert all(dag["file"] == dag_id for dag_id, dag in seen["dags"].items())


def test_parsing_imports_nothing_heavy(seen: dict) -> None:
    assert seen["heavy"] == []


def test_every_dag_is_documented_and_runs_one_at_a_time(seen: dict) -> None:
    for dag in seen["dags"].values():
        assert dag["doc"] and not dag["catchup"] and dag["max_active_runs"] == 1
        assert dag["without_retry_or_timeout"] == []
        assert "domain" in dag["params"]


def test_nightly_follows_the_data(seen: dict) -> None:
    nightly = seen["dags"]["nightly_recommendations"]
    edges = nightly["tasks"]
    assert sorted(edges) == sorted([*NIGHTLY, "train.embed_texts", "report.export"])
    for before, after in zip(NIGHTLY, NIGHTLY[1:], strict=False):
        assert after in edges[before]
    assert edges["ingest.dbt_staging"] == ["train.build_features", "train.embed_texts"]
    assert edges["train.embed_texts"] == ["train.evaluate"]
    assert nightly["params"] == ["as_of", "domain"]


def test_tuning_searches_each_source_in_a_task_of_its_own(seen: dict) -> None:
    tuning = seen["dags"]["tune_models"]
    assert tuning["tasks"] == {"prepare": ["search"], "search": ["propose"], "propose": []}
    assert tuning["mapped"] == ["search"]
    assert tuning["params"] == ["as_of", "domain"]
