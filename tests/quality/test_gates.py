"""The gates on a real lake: what they see, what they say, what they leave behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from include.config.domain import Domain
from include.errors import DataError, GateError
from include.lake.lake import Lake, open_lake
from include.quality.gate_report import GateContext, save_results
from include.quality.gates import (
    run_batch_input_gate,
    run_feature_gate,
    run_input_gate,
    run_output_gate,
    run_touched_output_gate,
)
from include.settings import load_settings
from tests.quality import seeds

NOW = datetime(2026, 3, 1, 4, 0)


def context(domain: Domain, as_of: datetime = seeds.AS_OF, run_id: str = "r1") -> GateContext:
    return GateContext(domain, run_id, as_of, checked_at=NOW)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Domain:
    return seeds.seeded_domain(tmp_path_factory.mktemp("domain"))


@pytest.fixture(scope="module")
def seeded_lake(books: Domain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The good world, committed; its ledger belongs to run r1."""
    home = tmp_path_factory.mktemp("home")
    with open_lake(load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(books.file)})) as lake:
        ledger = "update ops.ingests set run_id = 'r1'"
        lake.write(lambda con: con.execute(seeds.GOOD + ledger), run_id="r1", message="seed")
        yield lake


@pytest.fixture
def lake(seeded_lake: Lake) -> Iterator[Lake]:
    """Inside a transaction, as a refresh's gate is; put right again afterwards."""
    seeded_lake.con.execute("begin")
    yield seeded_lake
    seeded_lake.con.execute("rollback")


def test_the_input_gate_passes_good_rows_and_keeps_its_figures(lake: Lake, books: Domain) -> None:
    report = run_input_gate(lake, context(books))
    report.raise_for_failures()
    for _ in range(2):  # a rerun replaces its rows
        save_results(lake.con, [report])
    stored = lake.rows("select * from ops.quality_results order by expectation")
    assert len(stored) == len(report.findings)
    assert (
        "r1", "input", "few enough rows were quarantined", True, "critical", "0.5", "at most 0.5", NOW
    ) in stored  # fmt: skip


def test_the_input_gate_counts_only_what_as_of_may_see(lake: Lake, books: Domain) -> None:
    """All four events happen on 2026-02-01: the day before there were none, and an empty set never passes."""
    report = run_input_gate(lake, context(books, datetime(2026, 1, 31)))
    with pytest.raises(GateError) as refusal:
        report.raise_for_failures()
    assert str(refusal.value).splitlines()[:3] == [
        "the input gate refused run r1: 3 of 50 checks failed",
        "  events: there are enough events: found 0 rows, allowed: at least 3 rows",
        "  there are enough users with events: found 0, allowed: at least 2",
    ]


def test_the_input_gate_sees_what_the_transaction_has_not_committed(lake: Lake, books: Domain) -> None:
    lake.con.execute("update raw.events set event_type = 'buy'")
    report = run_input_gate(lake, context(books))
    batch = run_batch_input_gate(lake, context(books), seeds.INPUT)
    for seen in (report, batch):
        assert [(f.check.name, f.observed) for f in seen.failures] == [
            ("events: event_type is one of the domain's", "4")
        ]
    # Neither gate ended the transaction that it looked into.
    lake.con.execute("rollback; begin")
    assert lake.value("select count(*) from raw.events where event_type = 'buy'") == 0


def test_an_event_after_as_of_stops_before_training(lake: Lake, books: Domain) -> None:
    report = run_feature_gate(lake, context(books, datetime(2026, 1, 31)), seeds.FEATURES)
    with pytest.raises(GateError, match="user_items: no event is after as_of: found 3 rows, allowed: 0 rows"):
        report.raise_for_failures()


def test_another_runs_ledger_is_not_blamed_on_this_one(lake: Lake, books: Domain) -> None:
    lake.con.execute("update ops.ingests set quarantined = 100, run_id = 'r0'")
    report = run_input_gate(lake, context(books))
    assert report.failures == ()


def test_the_output_gate_audits_files_as_well_as_tables(lake: Lake, books: Domain, tmp_path: Path) -> None:
    file = tmp_path / "recommendations.parquet"
    lake.con.execute(
        f"copy (from serving.recommendations where user_id <> 'u3') to '{file}' (format parquet)"
    )
    views = {**seeds.OUTPUT, "recommendations": f"read_parquet('{file}')"}
    report = run_output_gate(lake, context(books), views)
    assert {f.check.name: f.observed for f in report.failures} == {
        "recommendations: lists are full": "1",
        "live users keep a list": "0.666667",
    }


def test_what_is_not_given_is_taken_from_the_lake(lake: Lake, books: Domain) -> None:
    """u1 and u2 have events, u3 is live; an item that only events know may be listed under its id."""
    lake.con.execute("delete from raw.items where item_id = 'i3'")
    views = {
        name: seeds.OUTPUT[name] for name in seeds.OUTPUT if name not in ("items", "users", "live_users")
    }
    views["recommendations"] = "(from serving.recommendations where user_id = 'u3')"
    report = run_output_gate(lake, context(books), views)
    assert {f.check.name: f.observed for f in report.failures} == {
        "recommendations: lists are full": "2",
        "live users keep a list": "0.333333",
    }


def test_the_touched_gate_refuses_what_the_nightly_refuses(lake: Lake, books: Domain) -> None:
    views = {**seeds.OUTPUT, "users": "(select 'u1' as user_id)"}
    report = run_touched_output_gate(lake.con, context(books, run_id="r2"), views)
    assert report.failures == ()
    lake.con.execute(seeds.OUTPUT_FAULTS["recommendations: nothing consumed is listed"])
    report = run_touched_output_gate(lake.con, context(books, run_id="r2"), views)
    assert [f.check.name for f in report.failures] == ["recommendations: nothing consumed is listed"]


def test_a_relation_that_is_not_given_is_an_error_and_no_pass(lake: Lake, books: Domain) -> None:
    views = {name: seeds.OUTPUT[name] for name in seeds.OUTPUT if name != "consumed"}
    with pytest.raises(DataError, match="missing: consumed"):
        run_output_gate(lake, context(books), views)


def test_a_gate_leaves_no_view_behind(lake: Lake, books: Domain) -> None:
    run_batch_input_gate(lake, context(books), seeds.INPUT)
    assert lake.rows("select view_name from duckdb_views() where view_name like 'gate_%'") == []


def test_data_docs_are_read_offline(lake: Lake, books: Domain, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    run_input_gate(lake, context(books), docs=folder)
    index = (folder / "index.html").read_text()
    assert index.count("<tr>") == 1 + 50  # a row a check
    assert [link for link in re.findall(r'href="([^"]*)"', index) if not (folder / link).is_file()] == []
    pages = list(folder.rglob("*.html"))
    assert len(pages) == 1 + 2 * 6  # an index; a suite and a validation for each relation and the figures
    for page in pages:
        text = page.read_text()
        assert re.findall(r"(?:src|href|url)\W{1,3}https?:|<script|<link|<img", text) == []
        assert text.count("<style>") == 1
    results = next(page for page in pages if "validations" in str(page) and page.stem == "lake-events")
    assert "event_type is one of the domain" in results.read_text()
