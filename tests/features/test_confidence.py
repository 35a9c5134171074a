"""The confidence formula in DuckDB: by hand, and as a property. Spark's side is in tests/spark_jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts import TABLES
from include.features.confidence import Confidence, event_weight_sql, user_items_sql
from include.features.training_matrices import epoch_seconds
from include.interactions.histories import histories_from_events
from include.interactions.interactions import make_interactions

CUTOFF = datetime(2026, 1, 21, 12)
CONFIDENCE = Confidence({"rating": None, "purchase": 1.0, "return": -1.0}, half_life_days=10.0)


def pairs(events: list[tuple], confidence: Confidence = CONFIDENCE, cutoff: datetime = CUTOFF) -> dict:
    """(user, item) -> (weight, events) of rows (user_id, item_id, event_type, event_at, value)."""
    con = duckdb.connect()
    con.execute(
        "create table events (user_id text, item_id text, event_type text, event_at timestamp, value double)"
    )
    if events:
        con.executemany("insert into events values (?, ?, ?, ?, ?)", events)
    rows = con.execute(
        f"select user_id, item_id, weight, events from ({user_items_sql('events', confidence, cutoff)})"
    )
    return {(user, item): (weight, count) for user, item, weight, count in rows.fetchall()}


def days_before(days: float) -> datetime:
    return CUTOFF - timedelta(days=days)


def test_weights_halve_with_every_half_life_and_add_up():
    found = pairs(
        [
            ("a", "x", "rating", days_before(10), 4.0),  # 4 / 2
            ("a", "x", "return", days_before(20), None),  # -1 / 4
            ("a", "y", "purchase", CUTOFF, None),  # 1
            ("b", "x", "return", days_before(10), 9.0),  # -1 / 2, whatever the value
        ]
    )
    assert found == {
        ("a", "x"): (pytest.approx(1.75), 2),
        ("a", "y"): (pytest.approx(1.0), 1),
        ("b", "x"): (pytest.approx(-0.5), 1),
    }


def test_events_after_the_cutoff_and_of_unknown_types_are_not_seen():
    found = pairs(
        [
            ("a", "x", "rating", CUTOFF + timedelta(microseconds=1), 5.0),
            ("a", "y", "view", CUTOFF, 5.0),
        ]
    )
    assert found == {}


@pytest.mark.parametrize(
    "value, weight", [(None, 0.0), (float("nan"), 0.0), (1e308, 1e6), (float("-inf"), -1e6)]
)
def test_a_value_that_says_nothing_counts_nothing_and_an_absurd_one_is_bounded(value, weight):
    assert pairs([("a", "x", "rating", CUTOFF, value)]) == {("a", "x"): (weight, 1)}


def test_columns_are_those_of_the_contract():
    con = duckdb.connect()
    con.execute(
        "create table events (user_id text, item_id text, event_type text, event_at timestamp, value double)"
    )
    columns = con.execute(f"describe {user_items_sql('events', CONFIDENCE, CUTOFF)}").fetchall()
    assert [(name, kind) for name, kind, *_ in columns] == [
        (column.name, column.type) for column in TABLES["features.user_items"].columns
    ]


@pytest.mark.parametrize("name", ["it's", 'a "view"', "back\\slash", "naïve 購入", "{braces}"])
def test_any_text_may_name_an_event_type(name):
    assert pairs([("a", "x", name, CUTOFF, None)], Confidence({name: 3.0}, 10.0)) == {("a", "x"): (3.0, 1)}


@settings(max_examples=30, deadline=None)
@given(
    ages=st.lists(st.floats(0, 400), min_size=1, max_size=6),
    later=st.floats(0, 400),
    half_life=st.floats(0.5, 500),
)
def test_weights_of_one_instant_carry_over_to_a_later_one(ages, later, half_life):
    """What lets the refresh age the nightly's rows without reading their events again."""
    confidence = Confidence({"rating": None}, half_life)
    events = [("a", "x", "rating", days_before(age), 2.0) for age in ages]
    at_cutoff = pairs(events, confidence)["a", "x"][0]
    after = CUTOFF + timedelta(days=later)
    at_later = pairs(events, confidence, after)["a", "x"][0]
    elapsed_days = (after - CUTOFF) / timedelta(days=1)
    assert at_later == pytest.approx(at_cutoff * 2 ** (-elapsed_days / half_life), rel=1e-9, abs=1e-290)


def test_an_event_weight_of_an_unknown_type_is_zero():
    found = duckdb.sql(
        f"select {event_weight_sql(CONFIDENCE)} from (select 'view' as event_type, 3.0::double as value)"
    )
    assert found.fetchall() == [(0.0,)]


ONE_EVENT = st.tuples(
    st.integers(0, 2), st.integers(0, 3), st.sampled_from(["rating", "purchase", "return"]), st.floats(0, 60)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ONE_EVENT, min_size=1, max_size=20))
def test_a_time_split_sums_events_as_the_lake_does(drawn):
    """Histories of a split are summed in numpy from undecayed weights; Spark's and the lake's in SQL."""
    weights = {"rating": 3.0, "purchase": 1.0, "return": -1.0}
    events = make_interactions(
        np.array([user for user, _, _, _ in drawn]),
        np.array([item for _, item, _, _ in drawn]),
        np.array([epoch_seconds(days_before(days)) for *_, days in drawn]),
        np.array([weights[kind] for _, _, kind, _ in drawn]),
    )
    found = histories_from_events(
        events, as_of=epoch_seconds(CUTOFF), half_life_days=CONFIDENCE.half_life_days, n_users=3, n_items=4
    )
    rows = pairs([(f"{user}", f"{item}", kind, days_before(days), 3.0) for user, item, kind, days in drawn])
    stored = found.consumed.tocoo()
    consumed = {(f"{user}", f"{item}") for user, item in zip(stored.row, stored.col, strict=True)}
    assert consumed == set(rows)
    liked = found.weights.tocoo()
    by_pair = {
        (f"{user}", f"{item}"): (weight, count)
        for user, item, weight, count in zip(liked.row, liked.col, liked.data, found.counts, strict=True)
    }
    # A weight that rounds to nothing may be kept by one and not by the other.
    for pair, (weight, count) in rows.items():
        got, counted = by_pair.get(pair, (0.0, count))
        assert got == pytest.approx(max(weight, 0), rel=1e-5, abs=1e-6) and counted == count
