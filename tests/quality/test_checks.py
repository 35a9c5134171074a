"""Take any check away and one bad row passes: each fault is caught by its own check and by no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from include.config.domain import Domain
from include.quality.check_kinds import Check
from include.quality.expectations import validate_checks
from include.quality.feature_checks import FEATURE_RELATIONS, feature_checks
from include.quality.input_checks import INPUT_RELATIONS, input_checks
from include.quality.output_checks import OUTPUT_RELATIONS, output_checks
from include.quality.relations import gate_views
from include.quality.sql_checks import evaluate_checks
from tests.quality import seeds

SUITES = {
    "features": (seeds.FEATURES, FEATURE_RELATIONS, seeds.FEATURE_FAULTS),
    "input": (seeds.INPUT, INPUT_RELATIONS, seeds.INPUT_FAULTS),
    "output": (seeds.OUTPUT, OUTPUT_RELATIONS, seeds.OUTPUT_FAULTS),
}
FAULTS = [(suite, name) for suite, (_, _, faults) in SUITES.items() for name in faults]


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Domain:
    return seeds.seeded_domain(tmp_path_factory.mktemp("domain"))


@pytest.fixture(scope="module")
def world() -> duckdb.DuckDBPyConnection:
    return seeds.seeded_connection()


@pytest.fixture
def con(world: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The good world, put right again afterwards."""
    world.execute("begin")
    yield world
    world.execute("rollback")


def suite_checks(suite: str, domain: Domain) -> tuple[Check, ...]:
    if suite == "features":
        return feature_checks(as_of=seeds.AS_OF)
    context = seeds.context(domain)
    return input_checks(context) if suite == "input" else output_checks(domain, as_of=seeds.AS_OF)


@pytest.mark.parametrize("suite", SUITES)
def test_every_check_has_a_name_of_its_own_and_a_seeded_fault(suite: str, domain: Domain) -> None:
    names = [check.name for check in suite_checks(suite, domain)]
    assert len(names) == len(set(names))
    assert set(names) == set(SUITES[suite][2])


@pytest.mark.parametrize("suite", SUITES)
def test_the_good_world_passes_both_ways(suite: str, domain: Domain, con: duckdb.DuckDBPyConnection) -> None:
    checks = suite_checks(suite, domain)
    relations, expected, _ = SUITES[suite]
    with gate_views(con, relations, expected, checks):
        plain = evaluate_checks(con, checks)
        expectations = validate_checks(con, checks, suite=suite, docs=None)
    assert [f.describe() for f in plain if not f.is_success] == []
    assert [f.describe() for f in expectations if not f.is_success] == []
    assert len(plain) == len(expectations) == len(checks)


@pytest.mark.parametrize(("suite", "name"), FAULTS)
def test_a_fault_is_caught_by_its_check_alone(
    suite: str, name: str, domain: Domain, con: duckdb.DuckDBPyConnection
) -> None:
    checks = suite_checks(suite, domain)
    relations, expected, faults = SUITES[suite]
    con.execute(faults[name])
    with gate_views(con, relations, expected, checks):
        findings = evaluate_checks(con, checks)
        failed = [finding for finding in findings if not finding.is_success]
        assert [finding.check.name for finding in failed] == [name], [f.describe() for f in failed]
        assert "not measured" not in failed[0].observed


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_great_expectations_finds_each_fault_too(
    suite: str, domain: Domain, con: duckdb.DuckDBPyConnection
) -> None:
    """The contract between the two runners: the same check, the same verdict, on the same bad row."""
    relations, expected, faults = SUITES[suite]
    missed = []
    for check in suite_checks(suite, domain):
        con.execute("rollback; begin")
        con.execute(faults[check.name])
        with gate_views(con, relations, expected, (check,)):
            (finding,) = validate_checks(con, (check,), suite=suite, docs=None)
        if finding.is_success or "not measured" in finding.observed:
            missed.append(f"{check.name}: {finding.observed}")
    assert missed == []


def test_a_refresh_asks_nothing_that_the_nightly_does_not(domain: Domain) -> None:
    assert set(input_checks(seeds.context(domain), whole=False)) < set(input_checks(seeds.context(domain)))
    touched = set(output_checks(domain, as_of=seeds.AS_OF, whole=False))
    assert touched < set(output_checks(domain, as_of=seeds.AS_OF))
    assert {check.relation for check in touched} == {"recommendations", "candidate_lists"}


def test_a_check_that_cannot_be_measured_fails_both_ways(
    domain: Domain, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    checks = input_checks(seeds.context(domain), whole=False)
    relations = {**seeds.INPUT, "users": "(select 1 as other)"}
    with gate_views(con, relations, INPUT_RELATIONS, checks):
        plain = evaluate_checks(con, checks)
        con.execute("rollback; begin")
    with gate_views(con, relations, INPUT_RELATIONS, checks):
        expectations = validate_checks(con, checks, suite="input", docs=None)
    for findings in (plain, expectations):
        failed = {f.check.name for f in findings if not f.is_success}
        assert failed == {f"users: user_id {what}" for what in ("is given", "is not blank", "is there once")}


def share_of(domain: Domain, con: duckdb.DuckDBPyConnection, name: str) -> tuple[bool, str]:
    """The input gate's finding of that name, as it holds and as it is told."""
    checks = tuple(check for check in input_checks(seeds.context(domain)) if check.name == name)
    with gate_views(con, seeds.INPUT, INPUT_RELATIONS, checks):
        (finding,) = evaluate_checks(con, checks)
    return finding.is_success, finding.observed


def test_a_file_that_cannot_be_read_counts_by_its_size(
    domain: Domain, con: duckdb.DuckDBPyConnection
) -> None:
    """100 rows were read from 5,000 bytes, 50 of them bad: a torn file of 10,000 bytes is 200 more."""
    name = "few enough rows were quarantined"
    con.execute("update ops.ingests set bytes = 5000")
    assert share_of(domain, con, name) == (True, "0.5")
    con.execute(
        "insert into ops.ingests by name select 'b1' as batch_id, 'events' as source, 'unreadable' as status,"
        " 10000 as bytes, 1 as rows_in, 0 as accepted, 1 as quarantined, 0 as deduplicated"
    )
    holds, observed = share_of(domain, con, name)
    assert (holds, round(float(observed), 3)) == (False, round(250 / 300, 3))
    con.execute("delete from ops.ingests where status = 'ingested'")
    assert share_of(domain, con, name) == (False, "1")  # 100 rows at 100 bytes, all of them lost
    con.execute("update ops.ingests set bytes = 9000")
    assert share_of(domain, con, name) == (True, "0")  # 90 rows: too few to judge


@pytest.mark.parametrize(
    ("lag_hours", "is_judged"),
    [(0.5, True), (10, False)],
)
def test_a_history_that_was_loaded_at_once_is_no_measure(
    domain: Domain, con: duckdb.DuckDBPyConnection, lag_hours: float, is_judged: bool
) -> None:
    """The gate looks an hour after the day: earlier days count as far as they were known an hour later."""
    con.execute(seeds.INPUT_FAULTS["the newest day has its usual share of events"])
    con.execute(
        "update raw.events set ingested_at = event_at + to_minutes(?::int) where event_id like 'w%'",
        [int(lag_hours * 60)],
    )
    holds, observed = share_of(domain, con, "the newest day has its usual share of events")
    assert holds is not is_judged
    assert float(observed) == (pytest.approx(10 / 101, abs=1e-3) if is_judged else 1)
