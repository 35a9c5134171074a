"""Quarantined rows replayed after a fix: exactly once."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

import pytest

from include.config.domain import Domain
from include.config.domain_file import EventType
from include.errors import ConfigError
from include.ingest.ingest import ingest_pending
from include.ingest.replay import replay_quarantine
from include.lake.lake import Lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12)


def with_type(domain: Domain, name: str) -> Domain:
    types = {**domain.events.types, name: EventType(weight=1.0)}
    return dataclasses.replace(domain, events=dataclasses.replace(domain.events, types=types))


@pytest.fixture
def landed(lake: Lake, domain: Domain, settings: Settings) -> Lake:
    """Per file: a purchase, a view (no known type), the same view again, and a row without user."""
    row = {"user_id": "u", "item_id": "i", "event_type": "purchase", "event_at": "2024-05-01"}
    view = {**row, "event_type": "view"}
    lines = [json.dumps(line) for line in (row, view, view, {**view, "user_id": ""})]
    (settings.landing / "events" / "a.jsonl").write_text("\n".join([*lines, '{"torn']))
    csv = 'Item_ID,USER_ID,event_type,event_at,context\ni,v,view,2024-05-02,"{""a"": 1}"\ntorn\n'
    (settings.landing / "events" / "b.csv").write_text(csv)
    ingest_pending(lake, domain, settings, run_id="r", ingested_at=NOW)
    return lake


def totals(lake: Lake) -> tuple[int, ...]:
    return lake.rows(
        "select sum(rows_in)::int, sum(accepted)::int, sum(quarantined)::int, sum(deduplicated)::int"
        " from ops.ingests"
    )[0]


def test_rows_that_pass_leave_the_quarantine_once(landed: Lake, domain: Domain) -> None:
    assert totals(landed) == (7, 1, 6, 0)
    fixed = with_type(domain, "view")
    first = replay_quarantine(landed, fixed, "events", run_id="fix", ingested_at=NOW)
    assert (first.accepted, first.quarantined, first.deduplicated) == (2, -3, 1)
    assert totals(landed) == (7, 3, 3, 1)
    assert landed.rows(
        "select user_id, event_type, context from raw.events order by event_at, event_type"
    ) == [
        ("u", "purchase", None),
        ("u", "view", None),
        ("v", "view", '{"a": 1}'),
    ]
    left = landed.rows("select split_part(reason, ':', 1) from raw.quarantine order by all")
    assert left == [("invalid_json",), ("missing_user_id",), ("torn_row",)]
    again = replay_quarantine(landed, fixed, "events", run_id="again", ingested_at=NOW)
    assert (again.accepted, again.quarantined, again.deduplicated) == (0, 0, 0)
    assert totals(landed) == (7, 3, 3, 1)


def test_only_the_reason_and_batch_asked_for(landed: Lake, domain: Domain) -> None:
    fixed = with_type(domain, "view")
    none = replay_quarantine(landed, fixed, "events", run_id="r", ingested_at=NOW, reason="invalid_json")
    other = replay_quarantine(landed, fixed, "events", run_id="r", ingested_at=NOW, batches=["no such batch"])
    assert (none.accepted, other.accepted) == (0, 0)
    some = replay_quarantine(
        landed, fixed, "events", run_id="r", ingested_at=NOW, reason="unknown_event_type"
    )
    assert some.accepted == 2


def test_unknown_kind_is_refused(lake: Lake, domain: Domain) -> None:
    with pytest.raises(ConfigError, match="events, items, users"):
        replay_quarantine(lake, domain, "sessions", run_id="r", ingested_at=NOW)
