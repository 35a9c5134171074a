"""What a nightly survives: a kill at every stage, a refused set, readers that never stop reading."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.config.domain import load_domain
from include.errors import GateError
from include.installation import REPO
from include.lake.lake import open_lake
from include.nightly import publishing, stages
from include.run import Run
from include.settings import Settings, load_settings
from tests.support.generated import land_generated
from tests.support.nightly import build_features
from tests.support.run_stage import STAGES, run_stage

pytestmark = [pytest.mark.faults, pytest.mark.slow]

DOMAIN = """\
domain: generated
events:
  types:
    rating: {weight: value}
text: "{title}"
list_size: 8
segment_by: group
tuning: {search: "off"}
ranking: {method: blend}
"""
READER = """
import sys, time
import duckdb
attach, stop = sys.argv[1:]
con = duckdb.connect(config={"threads": "1"})
con.execute(open(attach).read())
seen, newest = 0, ""
while not stop_requested(stop):
    versions, lists, least, most = con.execute(
        "with sets as (select user_id, publication_id, count(*) as n"
        " from nightjar.serving.recommendations group by all)"
        " select list(distinct publication_id), count(*), min(n), max(n) from sets"
    ).fetchone()
    assert len(versions) == 1, versions
    assert (lists, least, most) == (61, 8, 8), (lists, least, most)
    assert versions[0] >= newest, (versions[0], newest)
    newest, seen = versions[0], seen + 1
    time.sleep(0.02)
print(seen, newest)
""".replace("stop_requested(stop)", "__import__('os').path.exists(stop)")


def make_run(folder: Path, run_id: str = "nightly") -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "generated.yaml"
    config.write_text(DOMAIN)
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    land_generated(settings.landing)
    with (settings.landing / "events" / "torn.jsonl").open("w") as file:
        file.write('{"user_id": "u001", "item_id"\n')
    return Run(run_id, settings, load_domain(config))


def state(settings: Settings) -> dict[str, list[tuple]]:
    """Everything that must not depend on what happened on the way."""
    with open_lake(settings, read_only=True) as lake:
        return {
            "lists": lake.rows(
                "select user_id, rank, item_id, score, source, reason, model_version, generated_at"
                " from serving.recommendations order by user_id, rank"
            ),
            "candidates": lake.rows(
                "select user_id, source, source_rank, item_id from serving.candidates order by all"
            ),
            "similar": lake.rows(
                "select item_id, rank, similar_item_id from serving.similar_items order by all"
            ),
            "popular": lake.rows("select segment, rank, item_id from serving.popular_items order by all"),
            "user_items": lake.rows("select * from features.user_items order by user_id, item_id"),
            "events": lake.rows("select event_id, count(*) from raw.events group by 1 order by 1"),
            "quarantine": lake.rows("select source, position, reason from raw.quarantine order by all"),
            "fates": lake.rows(
                "select source, sum(rows_in), sum(accepted), sum(quarantined), sum(deduplicated)"
                " from ops.ingests where status = 'ingested' group by 1 order by 1"
            ),
            "publications": lake.rows(
                "select kind, as_of, users, rows from serving.publications order by all"
            ),
            "models": lake.rows("select model_version, status from ops.model_versions order by all"),
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple]]:
    run = make_run(tmp_path_factory.mktemp("undisturbed"))
    for stage in STAGES:
        run_stage(run, stage)
    return state(run.settings)


def kill_in(run: Run, stage: str, after_seconds: float) -> None:
    """Start the stage in a process of its own and kill it, unless it is done first."""
    command = [
        sys.executable,
        "-m",
        "tests.support.run_stage",
        str(run.settings.home),
        str(run.settings.config),
    ]
    process = subprocess.Popen(
        [*command, run.run_id, stage], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None and process.stdout.readline() == b"go\n"
    time.sleep(after_seconds)
    process.kill()
    process.wait()


@pytest.mark.timeout(600)
def test_kill_in_every_stage_then_rerun_gives_the_undisturbed_result(
    tmp_path: Path, undisturbed: dict[str, list[tuple]]
) -> None:
    run = make_run(tmp_path)
    moments = random.Random(11)
    for stage in STAGES:
        for _ in range(2 if stage in ("ingest", "publish") else 1):
            kill_in(run, stage, moments.uniform(0.0, 0.8))
        run_stage(run, stage)
    found = state(run.settings)
    assert {name: found[name] == rows for name, rows in undisturbed.items()} == dict.fromkeys(
        undisturbed, True
    )


def test_refused_set_leaves_the_live_one_and_is_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for stage in STAGES[:-1]:
        run_stage(run, stage)
    before = state(run.settings)
    challenger = Run("challenger", run.settings, run.domain)
    for stage in STAGES[: STAGES.index("audit")]:
        run_stage(challenger, stage)
    lists = challenger.parquet / "recommendations.parquet"
    table = pq.read_table(lists)
    pq.write_table(table.take([0, 0, *range(2, table.num_rows)]), lists)
    with pytest.raises(GateError, match="a user has an item once"):
        stages.audit(challenger)
    assert state(run.settings) == before
    assert lists.is_file()
    with open_lake(run.settings, read_only=True) as lake:
        failed = lake.rows(
            "select expectation from ops.quality_results where run_id = 'challenger' and not is_success"
        )
    assert ("recommendations: a user has an item once",) in failed


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    (tmp_path / "stop").touch()
    for reader in started:
        if reader.poll() is None:
            reader.kill()
            reader.wait()


@pytest.mark.timeout(600)
def test_readers_see_one_whole_set_through_fifty_publishes(
    tmp_path: Path, readers: list[subprocess.Popen[str]]
) -> None:
    run = make_run(tmp_path)
    for stage in STAGES[:-1]:
        run_stage(run, stage)
    for _ in range(4):
        readers.append(
            subprocess.Popen(
                [sys.executable, "-c", READER, str(run.settings.attach_sql), str(tmp_path / "stop")],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ,
            )
        )
    for _ in range(50):
        with open_lake(run.settings) as lake:
            build_features(lake, run)
        publishing.publish(run)
    (tmp_path / "stop").touch()
    for reader in readers:
        out, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0, errors
        seen, newest = out.split()
        assert int(seen) > 10
        # A reader that was stopped just before the last commits has still seen nearly all of them.
        assert newest >= "00000045-nightly-"
