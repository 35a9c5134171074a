"""An event is known by its id, whatever its day and batch; a history of any span lies in few files."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from include.config.domain import Domain
from include.ingest.ingest import IngestReport, ingest_pending
from include.lake.lake import Lake
from include.quality.gate_report import GateContext
from include.quality.gates import run_input_gate
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12)
PARTITIONS = "year(event_at), month(event_at), day(event_at)"


def event(event_id: str | None, event_at: datetime, item: str = "i1") -> dict[str, object]:
    row = {"user_id": "u1", "item_id": item, "event_type": "purchase", "event_at": event_at.isoformat()}
    return row if event_id is None else row | {"event_id": event_id}


def take_in(
    lake: Lake, domain: Domain, settings: Settings, name: str, *rows: dict[str, object]
) -> IngestReport:
    (settings.landing / "events" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ingest_pending(lake, domain, settings, run_id="r", ingested_at=NOW)


def ids(lake: Lake) -> list[tuple[str, datetime]]:
    return lake.rows("select event_id, event_at from raw.events order by event_id, event_at")


def test_an_id_that_comes_again_on_another_day_is_no_new_event(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    first, later = datetime(2020, 1, 1), datetime(2024, 5, 1)
    take_in(lake, domain, settings, "a.jsonl", event("e1", first), event("e2", first))
    report = take_in(
        lake, domain, settings, "b.jsonl", event("e1", later), event("e3", later), event("e3", first)
    )
    assert ids(lake) == [("e1", first), ("e2", first), ("e3", later)]
    assert [(kind.accepted, kind.deduplicated) for kind in report.kinds if kind.kind == "events"] == [(1, 2)]
    gate = run_input_gate(lake, GateContext(domain, "r", as_of=NOW, checked_at=NOW))
    assert "event_id is there once" not in [finding.check.name for finding in gate.failures]


def test_rows_without_an_id_are_found_on_their_own_day(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    first = datetime(2020, 1, 1)
    take_in(lake, domain, settings, "a.jsonl", event(None, first), event(None, first + timedelta(days=1)))
    take_in(lake, domain, settings, "b.jsonl", event(None, first), event(None, first + timedelta(days=2)))
    assert [at for _, at in sorted(ids(lake), key=lambda row: row[1])] == [
        first + timedelta(days=day) for day in range(3)
    ]


@pytest.mark.parametrize("was_partitioned", [False, True])
def test_a_history_of_thirty_years_lies_in_few_files(
    lake: Lake, domain: Domain, settings: Settings, was_partitioned: bool
) -> None:
    if was_partitioned:  # by an earlier version
        lake.con.execute(f"alter table nightjar.raw.events set partitioned by ({PARTITIONS})")
        lake.drop_partitions("raw.events", run_id="r")
    days = [event(None, datetime(1994, 1, 1) + timedelta(days=day)) for day in range(11_000)]
    take_in(lake, domain, settings, "years.jsonl", *days)
    take_in(lake, domain, settings, "late.jsonl", event(None, datetime(1994, 1, 1), "i2"))
    assert lake.value("select count(*) from raw.events") == 11_001
    assert len(lake.files("raw.events")) <= 2
