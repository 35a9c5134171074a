"""Confidence of a user in an item: the one definition, as SQL that Spark and DuckDB both run.

    weight(u, i) = sum of w(type_e) * 2^(-age_days(e) / half_life_days)
                   over the events e of (u, i) with event_at <= cutoff

The nightly runs it in Spark over all events, the refresh in DuckDB over the touched users' events; a test
holds the two to 1e-9. The names of two functions are all that differs (`_MICROS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from include.config.domain_file import EventsConfig

Dialect = Literal["duckdb", "spark"]

# Microseconds since 1970. The lake's timestamps are UTC without a zone: TIMESTAMP_NTZ to Spark, whose session
# time zone is UTC, so that the cast changes nothing.
_MICROS: dict[Dialect, str] = {
    "duckdb": "epoch_us({column})",
    "spark": "unix_micros(cast({column} as timestamp_ltz))",
}
MICROS_PER_DAY = 86_400_000_000
# The bound of fixed weights in the domain file, held to `value` as well: one event of 1e308 would otherwise
# outweigh, or overflow, everything else in its user's history.
MAX_EVENT_WEIGHT = 1e6


@dataclass(frozen=True)
class Confidence:
    """weights: event type -> weight of one event, None: its own `value`.  Other types are not seen."""

    weights: Mapping[str, float | None]
    half_life_days: float


def confidence_of(events: EventsConfig) -> Confidence:
    """The part of a domain file that the formula reads."""
    weights = {name: event_type.weight for name, event_type in events.types.items()}
    return Confidence(weights, events.half_life_days)


def event_weight_sql(confidence: Confidence, dialect: Dialect = "duckdb") -> str:
    """Expression over the columns of raw.events: weight of one event before any decay.

    0 for a type that the domain does not name, whose events are to be filtered out, and for a `value` that is
    missing or NaN: the pair is seen but shows no interest.
    """
    cases = " ".join(
        f"when {_text(name, dialect)} then {_own_value() if weight is None else _number(weight)}"
        for name, weight in confidence.weights.items()
    )
    bound = _number(MAX_EVENT_WEIGHT)
    return f"greatest(least(case event_type {cases} else {_number(0)} end, {bound}), -{bound})"


def decayed_events_sql(events: str, confidence: Confidence, cutoff: datetime, dialect: Dialect) -> str:
    """One row an event up to the cutoff: user_id, item_id, event_at, weight (decayed to the cutoff).

    events: a relation, or a subquery in parentheses, with the columns of raw.events.
    """
    types = ", ".join(_text(name, dialect) for name in confidence.weights)
    age = f"({_micros_since_epoch(cutoff)} - {_MICROS[dialect].format(column='event_at')})"
    return (
        f"select user_id, item_id, event_at,"
        f" {event_weight_sql(confidence, dialect)} * {_decay_sql(age, confidence.half_life_days)} as weight"
        f" from {events} as event"
        f" where event_at <= {_instant(cutoff)} and event_type in ({types})"
    )


def decay_sql(since: str, until: str, half_life_days: float) -> str:
    """Expression of DuckDB: the factor that brings a weight decayed to ``since`` to a later instant.

    The half-life decay of a sum is the sum of the decays, so that one factor does for all events of a pair.
    """
    return _decay_sql(f"(epoch_us({until}) - epoch_us({since}))", half_life_days)


def pairs_sql(decayed: str, cutoff: datetime, *more: str) -> str:
    """One row a user and item, the columns of features.user_items and ``more`` aggregates after them."""
    columns = (
        "user_id",
        "item_id",
        "sum(weight) as weight",
        "count(*) as events",
        "min(event_at) as first_event_at",
        "max(event_at) as last_event_at",
        f"{_instant(cutoff)} as as_of",
        *more,
    )
    return f"select {', '.join(columns)} from {decayed} as decayed group by user_id, item_id"


def user_items_sql(events: str, confidence: Confidence, cutoff: datetime, dialect: Dialect = "duckdb") -> str:
    """The rows of features.user_items for the users in ``events``, as of the cutoff; no order."""
    return pairs_sql(f"({decayed_events_sql(events, confidence, cutoff, dialect)})", cutoff)


def recent_events_sql(cutoff: datetime, recent_days: float) -> str:
    """Aggregate for `pairs_sql`: events in the ``recent_days`` up to the cutoff, as recent_events."""
    since = _micros_since_epoch(cutoff) - round(recent_days * MICROS_PER_DAY)
    event_at = _MICROS["spark"].format(column="event_at")
    return f"count(case when {event_at} > {since} then 1 end) as recent_events"


def _decay_sql(age_micros: str, half_life_days: float) -> str:
    return f"power({_number(2)}, -{age_micros} / {_number(half_life_days * MICROS_PER_DAY)})"


def _own_value() -> str:
    # Not nullif(value, 'NaN'): to DuckDB a NaN read from Parquet may differ from a NaN that it made itself.
    return "case when value is null or isnan(value) then cast(0 as double) else value end"


def _number(value: float) -> str:
    # A bare literal would be a decimal to both, with a scale that loses digits.
    return f"cast('{float(value)!r}' as double)"


def _text(value: str, dialect: Dialect) -> str:
    if dialect == "spark":  # where a backslash escapes
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + value.replace("'", "''") + "'"


def _instant(instant: datetime) -> str:
    return f"timestamp '{instant.isoformat(sep=' ', timespec='microseconds')}'"


def _micros_since_epoch(instant: datetime) -> int:
    delta = instant - datetime(1970, 1, 1)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
