"""What must hold of the features before a model is trained on them: the one definition."""

from __future__ import annotations

from datetime import datetime

from include.contracts import TABLES
from include.quality.check_kinds import Check, NoRows, NotNull, RowCount, Unique
from include.quality.input_checks import instant

FEATURE_RELATIONS = ("user_items",)


def feature_checks(*, as_of: datetime) -> tuple[Check, ...]:
    """as_of: an event after it would tell the model what it is to foresee."""
    return (
        Check("user_items", "there are pairs", RowCount(1)),
        *_given("user_items"),
        Check("user_items", "a pair is there once", Unique(("user_id", "item_id"))),
        Check("user_items", "weights are finite", _unlike("isfinite(weight)")),
        Check("user_items", "a pair has events", _unlike("events >= 1")),
        Check(
            "user_items", "the first event is not after the last", _unlike("first_event_at <= last_event_at")
        ),
        Check("user_items", "no event is after as_of", _unlike(f"last_event_at <= {instant(as_of)}")),
    )


def _given(table: str) -> tuple[Check, ...]:
    columns = TABLES[f"features.{table}"].column_names
    return tuple(Check(table, f"{column} is given", NotNull(column)) for column in columns)


def _unlike(condition: str) -> NoRows:
    return NoRows(f"select * from {{batch}} where not ({condition})")
