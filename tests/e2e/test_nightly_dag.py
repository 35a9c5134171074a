"""The nightly DAG as a user runs it: a domain file of ten lines, landing files, one command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import duckdb
import pytest

from include.contracts import TABLES
from include.demo.show import show_evaluation, show_stages
from include.installation import REPO
from include.lake.lake import open_lake
from include.settings import load_settings
from tests.support.generated import Generated, land_generated
from tests.support.snippets import run_snippet

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.spark]

DOMAIN = """\
domain: generated
clock: data
events:
  types:
    rating: {weight: value}
text: "{title}. {tags}"
consumed: exclude
list_size: 10
segment_by: group
"""


@dataclass(frozen=True)
class Installation:
    home: Path
    environ: dict[str, str]
    landed: Generated
    told: list[str] = field(default_factory=list)  # by the first nightly

    def run_dag(self, dag_id: str, **params: str) -> subprocess.CompletedProcess[str]:
        environ = self.environ | {name.upper(): value for name, value in params.items()}
        command = [sys.executable, "-m", "bin.run_dag", dag_id]
        return subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, timeout=280)

    def reader(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect()
        con.execute((self.home / "lake" / "attach.sql").read_text())
        return con

    def rows(self, sql: str) -> list[tuple]:
        with self.reader() as con:
            return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A home with one nightly run over generated data."""
    folder = tmp_path_factory.mktemp("nightly")
    home = folder / "home"
    config = folder / "generated.yaml"
    config.write_text(DOMAIN)
    landed = land_generated(home / "landing")
    environ = os.environ | {"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(config)}
    made = Installation(home, environ, landed)
    done = made.run_dag("nightly_recommendations")
    assert done.returncode == 0, done.stdout + done.stderr
    made.told.append(done.stdout)
    yield made


def lists(installation: Installation) -> list[tuple]:
    return installation.rows(
        "select user_id, rank, item_id, round(score, 6), source, reason, generated_at"
        " from nightjar.serving.recommendations order by user_id, rank"
    )


def test_every_user_has_a_full_list(installation: Installation) -> None:
    counts = installation.rows(
        "select count(*), count(distinct item_id), min(rank), max(rank)"
        " from nightjar.serving.recommendations group by user_id"
    )
    assert len(counts) == installation.landed.users
    assert set(counts) == {(10, 10, 1, 10)}


def test_lists_hold_nothing_consumed_and_say_why(installation: Installation) -> None:
    assert (
        installation.rows(
            "select * from nightjar.serving.recommendations"
            " semi join nightjar.raw.events using (user_id, item_id)"
        )
        == []
    )
    assert (
        installation.rows(
            "select * from nightjar.serving.recommendations"
            " where source is null or source = '' or reason is null or reason = '' or not isfinite(score)"
        )
        == []
    )


def test_at_least_four_sources_brought_candidates(installation: Installation) -> None:
    sources = {row[0] for row in installation.rows("select distinct source from nightjar.serving.candidates")}
    assert {"als", "item_to_item", "text", "popular"} <= sources


def test_the_demos_tables_can_be_shown(installation: Installation) -> None:
    with open_lake(load_settings(installation.environ), read_only=True) as lake:
        run_id = lake.value("select run_id from serving.publications order by publication_id limit 1")
        assert any(line.startswith("audit ") for line in show_stages(lake, run_id))
        shown = [line.split()[0] for line in show_evaluation(lake, run_id)[1:]]
    assert {"pipeline", "als", "popular"} <= set(shown) and not {"without", "segment"} & set(shown)


def test_what_the_page_on_asking_shows_runs_as_written(installation: Installation, tmp_path: Path) -> None:
    """The words are read by the real text model, as the items were."""
    run_snippet("docs/asking.md", installation.environ, tmp_path)


def test_taste_is_found(installation: Installation) -> None:
    """Two thirds of what is listed first is of the user's own group; chance would be a quarter."""
    share = installation.rows(
        "select avg((right(user_id, 3)::int % 4 = right(item_id, 3)::int % 4)::int)"
        " from nightjar.serving.recommendations where rank <= 2 and user_id <> 'u060'"
    )[0][0]
    assert share > 0.66


def test_publication_features_model_and_figures_came_together(installation: Installation) -> None:
    ((kind, users, rows, model_version, run_id),) = installation.rows(
        "select kind, users, rows, model_version, run_id from nightjar.serving.publications"
    )
    assert (kind, users, rows) == ("nightly", installation.landed.users, installation.landed.users * 10)
    ((artifact, status),) = installation.rows(
        f"select artifact, status from nightjar.ops.model_versions where model_version = '{model_version}'"
    )
    assert status == "champion" and (installation.home / "models" / artifact).is_file()
    assert installation.rows("select sum(events) from nightjar.features.user_items") == [
        (installation.landed.events,)
    ]
    metrics = {
        row[0]
        for row in installation.rows(
            f"select metric || '@' || k from nightjar.ops.evaluations"
            f" where run_id = '{run_id}' and subject = 'pipeline'"
        )
    }
    for metric in ("precision", "recall", "f1", "map", "ndcg", "hit_rate"):
        assert {f"{metric}@10", f"{metric}@50"} <= metrics
    assert "coverage@10" in metrics


def test_every_table_of_the_contract_is_there_and_marts_are_built(installation: Installation) -> None:
    found = {
        f"{schema}.{table}"
        for schema, table in installation.rows(
            "select table_schema, table_name from information_schema.tables where table_catalog = 'nightjar'"
        )
    }
    assert set(TABLES) <= found
    assert installation.rows("select count(*) from nightjar.marts.recommendations") == [
        (installation.landed.users * 10,)
    ]


def test_stage_table_and_page_tell_of_the_run(installation: Installation) -> None:
    stages = [
        row[0] for row in installation.rows("select stage from nightjar.ops.stages order by finished_at")
    ]
    assert stages[:2] == ["ingest", "gate_input"] and stages[-1] == "publish"
    page = (installation.home / "reports" / "latest.html").read_text()
    assert "Title" in page and "<script" not in page and "http" not in page
    (published,) = installation.rows("select min(publication_id) from nightjar.serving.publications")[0]
    assert f"published {published}: " in installation.told[0]
    assert f"report: {installation.home / 'reports' / 'latest.html'}" in installation.told[0]


def test_a_past_day_is_kept_beside_the_live_set(installation: Installation) -> None:
    """Before the next nightly, which then meets what it left behind."""
    before = lists(installation)
    done = installation.run_dag("nightly_recommendations", as_of="2025-02-15T00:00:00Z")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lists(installation) == before
    assert installation.rows("select count(*) from nightjar.serving.publications") == [(1,)]
    kept = installation.rows("select publication_id, rows from nightjar.archive.publications")
    assert len(kept) == 1 and kept[0][0].startswith("backfill-20250215T000000-") and kept[0][1] > 0
    assert f"kept {kept[0][0]}: " in done.stdout


def test_second_run_gives_the_same_lists(installation: Installation) -> None:
    before = lists(installation)
    done = installation.run_dag("nightly_recommendations")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lists(installation) == before
    assert installation.rows("select count(*) from nightjar.serving.publications") == [(2,)]
    assert installation.rows(
        "select count(*) from nightjar.ops.stages where stage = 'embed_texts' and rows_out > 0"
    ) == [(1,)]


def test_a_refused_nightly_says_why_on_its_page(installation: Installation, tmp_path: Path) -> None:
    before = lists(installation)
    config = tmp_path / "strict.yaml"
    config.write_text(DOMAIN + "quality: {min_events: 1000000}\n")
    environ = installation.environ | {"NIGHTJAR_CONFIG": str(config)}
    strict = Installation(installation.home, environ, installation.landed)
    done = strict.run_dag("nightly_recommendations")
    assert done.returncode == 1 and "FAILED (refused: not tried again)" in done.stdout
    assert lists(installation) == before
    page = unescape((installation.home / "reports" / "latest.html").read_text())
    assert "Stage ingest.gate_input stopped the run" in page and "there are enough events" in page
    assert "Readers still get" in page


def test_bad_params_and_bad_config_stop_before_anything_runs(installation: Installation) -> None:
    before = installation.rows("select count(*) from nightjar.ops.ingests")
    refused = installation.run_dag("nightly_recommendations", domain="../../etc/passwd")
    assert refused.returncode == 2 and "domain" in refused.stdout + refused.stderr
    config = installation.home / "broken.yaml"
    config.write_text(DOMAIN.replace("list_size: 10", "list_size: many"))
    environ = installation.environ | {"NIGHTJAR_CONFIG": str(config)}
    broken = Installation(installation.home, environ, installation.landed).run_dag("nightly_recommendations")
    assert broken.returncode != 0
    assert "config key 'list_size' in broken.yaml is 'many'; expected a whole number" in broken.stdout
    assert installation.rows("select count(*) from nightjar.ops.ingests") == before


def test_no_events_stops_before_publish(tmp_path: Path) -> None:
    config = tmp_path / "empty.yaml"
    config.write_text(DOMAIN)
    home = tmp_path / "home"
    environ = os.environ | {"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(config)}
    done = Installation(home, environ, Generated(0, 0, 0)).run_dag("nightly_recommendations")
    assert done.returncode == 1
    assert "raw.events is empty" in done.stdout
