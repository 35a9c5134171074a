"""The dbt project, built on a real lake: figures, contracts, and a seeded fault for every test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bin.sql import questions, words_of
from include.dbt_build import PROJECT, dbt_environment, dbt_writes
from include.errors import DataError, LakeError
from include.installation import REPO
from include.lake.lake import Lake, open_lake
from include.lake.lock import writer_lock
from include.settings import Settings, load_settings
from tests.quality import seeds
from tests.support.dbt import run_dbt

pytestmark = pytest.mark.slow

BUILD = ["build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test", "--select"]


def _view(name: str, replaced: str) -> str:
    """The view with one column gone wrong, as by a slip in its SQL."""
    return (
        f"create temp table was as select * from {name};"
        f" create or replace view {name} as select * replace ({replaced}) from temp.was"
    )


# A test of the project -> the fault that it alone catches.
FAULTS = {
    "unique_stg_events_event_id": ("staging.stg_events", "'e1' as event_id"),
    "not_null_stg_events_event_id": ("staging.stg_events", "nullif(event_id, 'e1') as event_id"),
    "unique_stg_items_item_id": ("staging.stg_items", "'i1' as item_id"),
    "not_null_stg_items_item_id": ("staging.stg_items", "nullif(item_id, 'i1') as item_id"),
    "unique_stg_users_user_id": ("staging.stg_users", "'u1' as user_id"),
    "not_null_stg_users_user_id": ("staging.stg_users", "nullif(user_id, 'u1') as user_id"),
    "unique_stg_publications_publication_id": "insert into serving.publications from serving.publications",
    "not_null_stg_publications_publication_id": "update serving.publications set publication_id = null",
    "accepted_values_stg_publications_kind__nightly__refresh__rollback": (
        "update serving.publications set kind = 'other'"
    ),
    "accepted_values_stg_ingests_source__events__items__users__relations": (
        "update ops.ingests set source = 'other'"
    ),
    "accepted_values_stg_ingests_status__ingested__unreadable__refused": (
        "update ops.ingests set status = 'other'"
    ),
    "accepted_values_stg_quality_results_severity__critical__warning": (
        "update ops.quality_results set severity = 'other'"
    ),
    "unique_together_stg_quality_results_run_id__suite__expectation": (
        "update ops.quality_results set expectation = 'a'"
    ),
    "unique_stg_model_versions_model_version": "insert into ops.model_versions from ops.model_versions",
    "not_null_stg_model_versions_model_version": "update ops.model_versions set model_version = null",
    "accepted_values_stg_model_versions_status__champion__retired__refused__archived": (
        "update ops.model_versions set status = 'other'"
    ),
    "unique_int_items_named_item_id": ("intermediate.int_items_named", "'i1' as item_id"),
    "not_null_int_items_named_item_id": (
        "intermediate.int_items_named",
        "nullif(item_id, 'i1') as item_id",
    ),
    "unique_int_items_exposed_item_id": ("intermediate.int_items_exposed", "'i3' as item_id"),
    "unique_together_int_user_items_counted_user_id__item_id": (
        "intermediate.int_user_items_counted",
        "'i1' as item_id",
    ),
    "unique_together_recommendations_user_id__rank": (
        "update marts.recommendations set rank = 2 where user_id = 'u1' and rank = 3"
    ),
    "unique_together_recommendations_user_id__item_id": (
        "update marts.recommendations set item_id = 'i4' where user_id = 'u1' and rank = 3"
    ),
    "recommendations_hold": "update marts.recommendations set score = 'nan' where user_id = 'u1'",
    "relationships_recommendations_item_id__item_id__ref_item_performances_": (
        "update marts.recommendations set item_id = 'gone' where user_id = 'u1' and rank = 3"
    ),
    "relationships_recommendations_publication_id__publication_id__ref_publications_": (
        "update marts.recommendations set publication_id = 'gone' where user_id = 'u1'"
    ),
    "assert_ranks_have_no_gap": "update marts.recommendations set rank = 4 where user_id = 'u1' and rank = 3",
    "assert_no_list_row_is_lost": "delete from marts.recommendations where user_id = 'u1'",
    "assert_no_event_is_lost": "update marts.user_activities set events = events + 1 where user_id = 'u1'",
    "assert_ingest_counts_add_up": "update marts.daily_ingests set accepted = accepted + 1",
    "unique_item_performances_item_id": (
        "insert into marts.item_performances select * replace (0 as events, 0 as lists)"
        " from marts.item_performances where item_id = 'i1'"
    ),
    "item_performances_hold": "update marts.item_performances set event_share = 1.5 where item_id = 'i1'",
    "unique_user_activities_user_id": (
        "update marts.user_activities set events = 1;"
        " insert into marts.user_activities from marts.user_activities"
    ),
    "user_activities_hold": "update marts.user_activities set items = 0 where user_id = 'u1'",
    "unique_together_daily_activities_event_date__event_type": (
        "update marts.daily_activities set event_type = 'view'"
    ),
    "daily_activities_hold": "update marts.daily_activities set users = 0",
    "unique_together_daily_ingests_ingested_on__source": (
        "insert into marts.daily_ingests from marts.daily_ingests"
    ),
    "daily_ingests_hold": "update marts.daily_ingests set files = 0",
    "unique_together_source_shares_rank__source": "update marts.source_shares set rank = 1",
    "source_shares_hold": "update marts.source_shares set list_share = 1.5 where rank = 1",
    "unique_together_interests_attribute__label": "insert into marts.interests from marts.interests",
    "interests_hold": "update marts.interests set user_share = 1.5",
    "unique_user_engagements_event_date": "insert into marts.user_engagements from marts.user_engagements",
    "user_engagements_hold": "update marts.user_engagements set new_users = new_users + 1",
    "unique_together_listed_items_publication_id__user_id__rank": (
        "insert into marts.listed_items from marts.listed_items"
    ),
    "unique_together_recommendation_outcomes_publication_id__user_id__rank": (
        "insert into marts.recommendation_outcomes from marts.recommendation_outcomes"
    ),
    "recommendation_outcomes_hold": (
        "update marts.recommendation_outcomes set first_touched_at = generated_at where user_id = 'u1'"
    ),
    "unique_together_item_exposures_publication_id__item_id": (
        "insert into marts.item_exposures from marts.item_exposures"
    ),
    "item_exposures_hold": "update marts.item_exposures set first_places = lists + 1",
    "unique_recommendation_coverage_publication_id": (
        "insert into marts.recommendation_coverage from marts.recommendation_coverage"
    ),
    "recommendation_coverage_hold": "update marts.recommendation_coverage set first_share = 1.5",
    "unique_publications_publication_id": "insert into marts.publications from marts.publications",
    "unique_together_quality_runs_run_id__suite": "insert into marts.quality_runs from marts.quality_runs",
    "quality_runs_hold": "update marts.quality_runs set checks = 0",
    "unique_model_versions_model_version": "insert into marts.model_versions from marts.model_versions",
    "model_versions_hold": "update marts.model_versions set ndcg_at_10 = 1.5",
}


# A slip in staging is seen further on too.
ALSO = {
    "unique_stg_items_item_id": {"unique_int_items_named_item_id"},
    "not_null_stg_items_item_id": {"not_null_int_items_named_item_id"},
}


def build_all(settings: Settings) -> None:
    run_dbt(settings, [*BUILD, "path:models/staging", "path:models/intermediate"])
    run_dbt(settings, [*BUILD, "path:models/marts"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake that holds the good world, with every model built on it."""
    folder = tmp_path_factory.mktemp("dbt")
    seeds.seeded_domain(folder)
    settings = load_settings(
        {"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(folder / "seeds.yaml")}
    )
    with open_lake(settings) as lake:
        lake.write(lambda con: con.execute(seeds.GOOD + seeds.RUNS), run_id="r1", message="seed")
    build_all(settings)
    return settings


@pytest.fixture
def lake(built: Settings) -> Iterator[Lake]:
    with open_lake(built) as lake:
        lake.con.execute("begin")
        yield lake
        lake.con.execute("rollback")


@pytest.fixture(scope="module")
def manifest(built: Settings) -> dict[str, Any]:
    run_dbt(built, ["compile"])
    text = Path(dbt_environment(built)["DBT_TARGET_PATH"], "manifest.json").read_text()
    return json.loads(text)


def models(manifest: dict[str, Any], folder: str) -> list[dict[str, Any]]:
    nodes = manifest["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model" and node["schema"] == folder]


def data_tests(manifest: dict[str, Any]) -> dict[str, str]:
    """Name -> the SQL that gives the bad rows."""
    nodes = manifest["nodes"].values()
    return {node["name"]: node["compiled_code"] for node in nodes if node["resource_type"] == "test"}


def test_marts_show_what_the_lake_holds(lake: Lake) -> None:
    assert lake.rows(
        "select rank, item_id, title, source from marts.recommendations where user_id = 'u1'"
    ) == [
        (1, "i3", "Title 3", "als"),
        (2, "i4", "Title 4", "als"),
        (3, "i5", "Title 5", "als"),
    ]
    assert lake.rows(
        "select item_id, events, users, lists, event_share from marts.item_performances"
        " where events > 0 order by item_id"
    ) == [("i1", 2, 2, 0, 0.5), ("i2", 1, 1, 0, 0.25), ("i3", 1, 1, 3, 0.25)]
    assert lake.rows("select ndcg_at_10 from marts.model_versions") == [(0.5,)]


@pytest.mark.parametrize("name", sorted(questions()))
def test_a_saved_question_runs_as_the_page_has_it(built: Settings, name: str) -> None:
    path = questions()[name]
    sql = path.read_text(encoding="utf-8")
    page = (REPO / "docs" / "analysts.md").read_text(encoding="utf-8")
    assert f"make sql Q={name}" in page and sql.partition("\n")[2] in page and words_of(path) in page
    environ = os.environ | {"NIGHTJAR_HOME": str(built.home), "Q": name}
    command = [sys.executable, "-m", "bin.sql"]
    done = subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_data_test_has_a_seeded_fault(manifest: dict[str, Any]) -> None:
    assert set(data_tests(manifest)) == set(FAULTS)


def test_each_fault_is_caught_by_its_test_alone(lake: Lake, manifest: dict[str, Any]) -> None:
    tests = data_tests(manifest)

    def failing() -> set[str]:
        return {name for name, sql in tests.items() if lake.rows(f"select 1 from ({sql}) limit 1")}

    assert failing() == set()
    unlike = {}
    for name, fault in FAULTS.items():
        lake.con.execute(fault if isinstance(fault, str) else _view(*fault))
        if (caught := failing()) != {name} | ALSO.get(name, set()):
            unlike[name] = caught
        lake.con.execute("rollback; begin; drop table if exists temp.was")
    assert unlike == {}


def test_marts_refuse_what_their_contract_forbids(lake: Lake, manifest: dict[str, Any]) -> None:
    """Column names, order and types are those of the contract; a column that must be given cannot be null."""
    for model in models(manifest, "marts"):
        described = lake.rows(f"select column_name, column_type from (describe marts.{model['name']})")
        declared = [(name, spec["data_type"].upper()) for name, spec in model["columns"].items()]
        assert described == declared, model["name"]
        for name, spec in model["columns"].items():
            if spec["constraints"]:
                with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
                    lake.con.execute(f'update marts.{model["name"]} set "{name}" = null')
                lake.con.execute("rollback; begin")


def test_an_analyst_reads_the_descriptions_in_the_lake(lake: Lake, manifest: dict[str, Any]) -> None:
    told = dict(lake.rows("select table_name, comment from duckdb_tables() where schema_name = 'marts'"))
    assert told == {model["name"]: model["description"] for model in models(manifest, "marts")}
    (comment,) = lake.rows(
        "select comment from duckdb_columns() where schema_name = 'marts' and table_name = 'recommendations'"
        " and column_name = 'rank'"
    )
    assert comment == ("1 is the best",)


def test_every_model_says_what_a_row_is(manifest: dict[str, Any]) -> None:
    for folder, prefix in (("staging", "stg_"), ("intermediate", "int_"), ("marts", "")):
        assert models(manifest, folder)
        for model in models(manifest, folder):
            assert model["name"].startswith(prefix)
            assert model["description"].startswith("One row per "), model["name"]
            assert [n for n, c in model["columns"].items() if not c["description"]] == [], model["name"]
            assert (PROJECT / "models" / folder / f"{model['name']}.yml").is_file()
    read = {name for exposure in manifest["exposures"].values() for name in exposure["depends_on"]["nodes"]}
    assert {model["unique_id"] for model in models(manifest, "marts")} <= read


def test_unit_tests_hold(built: Settings, manifest: dict[str, Any]) -> None:
    run = run_dbt(built, ["test", "--select", "test_type:unit"])
    assert len(run.results) == len(manifest["unit_tests"]) > 10


def test_lists_are_kept_as_they_were_published_each_once(tmp_path: Path) -> None:
    """The set that a later publication replaces stays, for what people did with it."""
    seeds.seeded_domain(tmp_path)
    settings = load_settings(
        {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(tmp_path / "seeds.yaml")}
    )

    def write(lake: Lake, sql: str) -> None:
        lake.write(lambda con: con.execute(sql), run_id="r1", message="seed")

    kept = "select publication_id, count(*) from marts.listed_items group by 1 order by 1"
    with open_lake(settings) as lake:
        write(lake, seeds.GOOD + seeds.RUNS)
        build_all(settings)
        build_all(settings)
        ((first, rows),) = lake.rows(kept)
        assert rows == lake.value("select count(*) from serving.recommendations where rank <= 10")
        publish_again = (
            "insert into serving.publications select * replace ('{0}' as publication_id)"
            " from serving.publications limit 1;"
            " update serving.recommendations set publication_id = '{0}',"
            " generated_at = generated_at + interval {1} day"
        )
        write(lake, publish_again.format("later", 1))
        write(
            lake,
            "insert into raw.events by name select 'e9' as event_id, user_id, item_id, 'view' as event_type,"
            " generated_at + interval 2 day as event_at, 'b1' as batch_id, generated_at as ingested_at"
            f" from marts.listed_items where publication_id = '{first}' and user_id = 'u1' and rank = 1",
        )
        build_all(settings)
        assert lake.rows(kept) == sorted([(first, rows), ("later", rows)])
        assert lake.rows(
            "select rank, is_touched_within_1_days, is_touched_within_7_days, is_touched_within_30_days"
            f" from marts.recommendation_outcomes where publication_id = '{first}' and user_id = 'u1'"
            " order by rank limit 2"
        ) == [(1, False, True, True), (2, False, None, None)]
        # Of two months before the newest nothing is kept.
        write(lake, publish_again.format("last", 100))
        build_all(settings)
        assert lake.rows(kept) == [("last", rows)]


def test_an_empty_lake_builds_on_either_catalog(any_catalog: Settings) -> None:
    """Before the first publish there are neither lists nor models."""
    with open_lake(any_catalog) as lake:
        build_all(any_catalog)
        assert lake.value("select count(*) from marts.recommendations") == 0
        lake.write(lambda con: con.execute(seeds.GOOD + seeds.RUNS), run_id="r1", message="seed")
        build_all(any_catalog)
        assert lake.value("select count(*) from marts.recommendations") == 9


def test_a_failed_test_is_named_and_nothing_of_dbt_lands_in_the_project(built: Settings) -> None:
    with open_lake(built) as lake:
        lake.write(
            lambda con: con.execute("update ops.ingests set source = 'other'"), run_id="r1", message="break"
        )
        with pytest.raises(DataError, match="accepted_values_stg_ingests_source.*Got 1 result"):
            run_dbt(built, ["test", "--select", "stg_ingests"])
        lake.write(
            lambda con: con.execute("update ops.ingests set source = 'events'"), run_id="r1", message="mend"
        )
    assert not {"target", "logs", "dbt_packages"} & {path.name for path in PROJECT.iterdir()}


def test_dbt_is_the_only_writer_while_it_runs(settings: Settings) -> None:
    with dbt_writes(settings, "dbt"):
        with pytest.raises(LakeError, match="held by 'dbt"):
            with writer_lock(settings.lake_dir / "writer.lock", "another", timeout_seconds=0.1):
                pass


def test_a_password_stays_out_of_dbts_logs_and_artifacts(tmp_path: Path, domain_file: Path) -> None:
    canary = "canary-5f1e"
    settings = load_settings(
        {
            "NIGHTJAR_HOME": str(tmp_path / "home"),
            "NIGHTJAR_CONFIG": str(domain_file),
            "NIGHTJAR_LAKE": f"postgres:host=127.0.0.1 port=1 user=nobody password={canary}",
        }
    )
    settings.make_folders()
    with pytest.raises(DataError) as refusal:
        run_dbt(settings, ["build", "--select", "stg_events"])
    assert canary not in str(refusal.value)
    written = [path for path in settings.home.rglob("*") if path.is_file()]
    assert written and [path for path in written if canary.encode() in path.read_bytes()] == []
