"""Two writers that have read the same files, or the same offsets: one takes them in, once."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from include.config.domain import Domain
from include.errors import OvertakenError
from include.ingest.batch import commit_batch, stage_batch
from include.ingest.ingest import ingest_pending, write_batch
from include.ingest.pending import find_pending
from include.ingest.staged_batch import StagedBatch
from include.lake.lake import Lake, open_lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12)


def land(settings: Settings, name: str, users: range) -> None:
    rows = [
        {"user_id": f"u{user}", "item_id": "i1", "event_type": "purchase", "event_at": "2024-05-01"}
        for user in users
    ]
    bad = {"user_id": "", "item_id": "i1", "event_type": "purchase", "event_at": "2024-05-01"}
    text = "".join(json.dumps(row) + "\n" for row in [*rows, bad])
    (settings.landing / "events" / name).write_text(text)


def stage(lake: Lake, domain: Domain, settings: Settings, run_id: str) -> StagedBatch:
    files = find_pending(lake, domain, settings, "events")
    staged = stage_batch(lake, domain, "events", files, run_id=run_id, ingested_at=NOW)
    assert staged is not None
    return staged


def ledger(lake: Lake) -> list[tuple]:
    return lake.rows(
        "select file, rows_in, accepted, quarantined, deduplicated from ops.ingests order by file"
    )


def test_a_file_that_two_writers_read_is_taken_in_once(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    land(settings, "a.jsonl", range(30))
    with open_lake(settings) as other:
        ours, theirs = stage(lake, domain, settings, "ours"), stage(other, domain, settings, "theirs")
        write_batch(other, theirs)
        with pytest.raises(OvertakenError, match="another writer has taken in a.jsonl since it was read"):
            write_batch(lake, ours)
    assert ledger(lake) == [("a.jsonl", 31, 30, 1, 0)]
    assert lake.value("select count(*) from raw.quarantine") == 1
    assert lake.value("select count(*) from ops.unlisted_batches") == 1


def test_the_slower_one_goes_on_with_what_is_left(lake: Lake, domain: Domain, settings: Settings) -> None:
    """Both stage the first file; while the slower one waits, another lands."""
    land(settings, "a.jsonl", range(30))
    taken = False

    class Slow(Lake):
        def write(self, work, *, run_id: str, message: str):
            nonlocal taken
            if not taken:
                taken = True
                with open_lake(settings) as other:
                    ingest_pending(other, domain, settings, run_id="fast", ingested_at=NOW)
                land(settings, "b.jsonl", range(30, 50))
            return super().write(work, run_id=run_id, message=message)

    slow = Slow(lake.con, lake.catalog, lake.settings)
    ingest_pending(slow, domain, settings, run_id="slow", ingested_at=NOW)
    assert ledger(lake) == [("a.jsonl", 31, 30, 1, 0), ("b.jsonl", 21, 20, 1, 0)]
    runs = lake.rows("select distinct file, run_id from ops.ingests order by file")
    assert runs == [("a.jsonl", "fast"), ("b.jsonl", "slow")]


def test_a_batch_is_not_committed_twice(lake: Lake, domain: Domain, settings: Settings) -> None:
    land(settings, "a.jsonl", range(3))
    staged = stage(lake, domain, settings, "ours")
    write_batch(lake, staged)
    with pytest.raises(OvertakenError):
        lake.write(lambda con: commit_batch(con, staged), run_id="again", message="again")
