"""Assignment, the reading that may be looked at daily, and the report on a lake."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from include.config.domain import Domain, load_domain
from include.config.experiments import ExperimentConfig
from include.errors import ConfigError
from include.experiments.assignment import assign
from include.experiments.report import MIN_PEOPLE, read_experiment, report_experiments
from include.experiments.sequential import ALPHA, narrowest_at, pseudo_outcomes, radius, read_difference
from include.ingest.ingest import ingest_pending
from include.lake.lake import Lake, open_lake
from include.settings import Settings

STARTS = datetime(2026, 1, 1)
HALVES = {"old": 0.5, "new": 0.5}
TEST = ExperimentConfig(name="order", variants=HALVES, starts=STARTS, outcomes=("purchase",))


def test_the_same_person_sees_the_same_variant_and_shares_hold():
    people = [f"u{n}" for n in range(20_000)]
    variants = {"a": 0.2, "b": 0.5, "c": 0.3}
    first = [assign(person, variants, "s") for person in people]
    assert first == [assign(person, variants, "s") for person in people]
    counts = Counter(first)
    # Within four standard errors of the shares.
    for name, share in variants.items():
        assert abs(counts[name] / 20_000 - share) < 4 * np.sqrt(share * (1 - share) / 20_000)


def test_two_salts_know_nothing_of_each_other():
    pairs = Counter((assign(f"u{n}", HALVES, "s"), assign(f"u{n}", HALVES, "t")) for n in range(20_000))
    assert max(abs(count - 5000) for count in pairs.values()) < 4 * np.sqrt(20_000 * 0.25 * 0.75)


def test_a_known_assignment_stays_what_it_is():
    """Others assign by the same rule."""
    place = int(hashlib.sha256(b"order:u1").hexdigest()[:16], 16) / 2**64
    assert assign("u1", {"first": place + 0.001, "rest": 0.999 - place}, "order") == "first"
    assert assign("u1", {"first": place - 0.001, "rest": 1.001 - place}, "order") == "rest"


def test_pseudo_outcomes_have_the_difference_as_their_mean():
    """Half the people treated: outcomes 4, 2 against 1, 1 have means 3 and 1."""
    values = pseudo_outcomes(np.array([4.0, 1, 2, 1]), np.array([True, False, True, False]), 0.5)
    assert values.mean() == pytest.approx(3 - 1)


def test_the_interval_is_the_formula_and_narrowest_where_planned():
    """n = 100, deviation 2, rho 0.1: 2 sqrt(2 (2) / 100 log(sqrt(2) / 0.05))."""
    expected = 2 * np.sqrt(2 * 2 / (100**2 * 0.01) * np.log(np.sqrt(2) / ALPHA))
    assert radius(100, 2.0, 0.1) == pytest.approx(expected)
    scaled = [float(radius(1000, 1.0, narrowest_at(planned))) for planned in (100, 1000, 10_000)]
    assert min(scaled) == scaled[1]


def test_looked_at_daily_it_is_rarely_wrong():
    """200 tests without a difference, looked at 20 times: the usual interval errs in a quarter of them."""
    rng = np.random.default_rng(3)
    wrong = usual = 0
    for _ in range(200):
        outcome, treated = rng.exponential(1, 2000), rng.random(2000) < 0.5
        readings = [read_difference(outcome[:n], treated[:n], 0.5, 2000) for n in range(100, 2001, 100)]
        wrong += any(reading.low > 0 or reading.high < 0 for reading in readings)
        values = [pseudo_outcomes(outcome[:n], treated[:n], 0.5) for n in range(100, 2001, 100)]
        usual += any(abs(part.mean()) > 1.96 * part.std() / np.sqrt(len(part)) for part in values)
    assert wrong <= 0.05 * 200 < 0.15 * 200 < usual


def people_rows(n: int, bought: dict[str, float], seed: int = 1) -> list[dict[str, object]]:
    """People who see a variant at noon of a day of January and buy within a day, so many times on average."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(n):
        variant = ("old", "new")[at % 2]
        seen = STARTS + timedelta(days=at % 28, hours=12)
        user = {"user_id": f"u{at:04}", "item_id": "i"}
        rows.append(
            {**user, "event_type": "rating", "value": 1, "event_at": seen.isoformat(), "variant": variant}
        )
        for kind, average, since in (("after", bought[variant], 1), ("before", 1.0, -30)):
            rows += [
                {
                    **user,
                    "event_id": f"{kind}-{at}-{time}",
                    "event_type": "purchase",
                    "event_at": (seen + timedelta(hours=since + time / 100)).isoformat(),
                }
                for time in range(int(rng.poisson(average)))
            ]
    return rows


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


def take_in(lake: Lake, domain: Domain, rows: list[dict[str, object]]) -> None:
    path = lake.settings.landing / "events" / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest_pending(lake, domain, lake.settings, run_id="r", ingested_at=datetime(2026, 3, 1))


def test_what_is_there_is_found_and_counted_by_hand(lake: Lake, domain: Domain) -> None:
    rows = people_rows(1200, {"old": 1.0, "new": 1.8})
    both = {"user_id": "u0000", "item_id": "i", "event_type": "rating", "value": 1}
    rows.append({**both, "event_at": "2026-01-20T00:00:00Z", "variant": "new"})  # the first person sees both
    rows.append({**both, "user_id": "early", "event_at": "2025-12-31T23:59:59Z", "variant": "new"})
    take_in(lake, domain, rows)
    outcomes, converted = read_experiment(lake.con, TEST, ("purchase",))
    assert (outcomes.people, outcomes.control_people, outcomes.crossed) == (600, 599, 1)
    after = {
        variant: sum(
            1
            for row in rows
            if str(row.get("event_id", "")).startswith("after-")
            and row["user_id"] != "u0000"
            and int(str(row["user_id"])[1:]) % 2 == side
        )
        for side, variant in enumerate(("old", "new"))
    }
    assert outcomes.mean == pytest.approx(after["new"] / 600)
    assert outcomes.control_mean == pytest.approx(after["old"] / 599)
    assert outcomes.verdict == "better" and outcomes.sequential_low > 0
    assert outcomes.low > outcomes.sequential_low and outcomes.high < outcomes.sequential_high
    assert 0 < converted.control_mean < converted.mean < 1
    assert outcomes.ratio_p_value > 0.5 and 0 < outcomes.detectable < 0.5


def test_a_variant_that_loses_is_to_be_stopped(lake: Lake, domain: Domain) -> None:
    take_in(lake, domain, people_rows(1200, {"old": 2.0, "new": 1.0}))
    assert read_experiment(lake.con, TEST, ("purchase",))[0].verdict.startswith("stop")
    lenient = replace(TEST, max_loss=0.9)
    assert read_experiment(lake.con, lenient, ("purchase",))[0].verdict == "worse"


def test_skewed_shares_are_not_read(lake: Lake, domain: Domain) -> None:
    take_in(lake, domain, people_rows(1200, {"old": 1.0, "new": 2.0}))
    skewed = replace(TEST, variants={"old": 0.4, "new": 0.6})
    assert read_experiment(lake.con, skewed, ("purchase",))[0].verdict.startswith("the shares are not")


def test_few_people_say_so(lake: Lake, domain: Domain) -> None:
    take_in(lake, domain, people_rows(2 * MIN_PEOPLE - 2, {"old": 1.0, "new": 9.0}))
    outcomes, _ = read_experiment(lake.con, TEST, ("purchase",))
    assert outcomes.difference is None and outcomes.verdict.startswith("too few: 49 and 49")


def test_a_report_is_kept_once_a_run(lake: Lake, domain: Domain) -> None:
    take_in(lake, domain, people_rows(200, {"old": 1.0, "new": 1.0}))
    with_test = replace(domain, experiments=(TEST,))
    for _ in range(2):
        assert len(report_experiments(lake, with_test, run_id="r", now=datetime(2026, 3, 1))) == 2
    found = "select metric, people from ops.experiment_results order by metric"
    assert lake.rows(found) == [("converted", 100), ("outcomes", 100)]


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("{name: a, variants: {x: 1}, starts: 2026-01-01}", "two variants or more"),
        ("{name: a, variants: {x: .5, y: .4}, starts: 2026-01-01}", "together 1"),
        ("{name: a, variants: {x: .5, y: .5}}", "starts"),
        ("{name: a, variants: {x: .5, y: .5}, starts: 2026-01-02, ends: 2026-01-01}", "after starts"),
    ],
)
def test_a_wrong_experiment_is_named(settings: Settings, experiment: str, expected: str) -> None:
    settings.config.write_text(settings.config.read_text() + f"experiments: [{experiment}]\n")
    with pytest.raises(ConfigError, match=expected):
        load_domain(settings.config)
