"""A file that cannot be read, or is mostly bad, is named and set aside; the others go on."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.config.domain import Domain
from include.ingest.ingest import ingest_pending
from include.ingest.replay import replay_quarantine
from include.lake.lake import Lake
from include.landing.clean import MAX_LINE_BYTES
from include.landing.files import list_files
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import run_tick
from include.settings import Settings
from plugins.landing_watch import landed_files

NOW = datetime(2024, 6, 1, 12)


@pytest.fixture
def ingest(lake: Lake, domain: Domain, settings: Settings):
    return lambda: ingest_pending(lake, domain, settings, run_id="r", ingested_at=NOW)


def event(user: str = "u1", **fields: object) -> dict[str, object]:
    return {"user_id": user, "item_id": "i1", "event_type": "purchase", "event_at": "2024-05-01"} | fields


def land(settings: Settings, name: str, *rows: dict[str, object]) -> Path:
    path = settings.landing / "events" / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ledger(lake: Lake) -> dict[str, tuple]:
    rows = lake.rows("select file, status, rows_in, accepted, quarantined from ops.ingests")
    return {file: tuple(rest) for file, *rest in rows}


def test_a_name_that_is_no_text_is_named_once_and_the_rest_goes_on(
    lake: Lake, settings: Settings, ingest
) -> None:
    folder = os.fsencode(settings.landing / "events")
    with open(folder + b"/caf\xe9.jsonl", "w") as file:
        file.write(json.dumps(event()) + "\n")
    land(settings, "good.jsonl", event())
    ingest()
    assert ledger(lake) == {
        "caf\\xe9.jsonl": ("unreadable", 1, 0, 1),
        "good.jsonl": ("ingested", 1, 1, 0),
    }
    reason = lake.value("select reason from raw.quarantine where source = ?", ["events/caf\\xe9.jsonl"])
    assert reason == "unreadable: its name is no UTF-8; rename it"
    assert ingest().rows_in == 0


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_goes_on(
    lake: Lake, settings: Settings, ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, whom no permission stops: the system call is what refuses here."""
    land(settings, "good.jsonl", event())
    locked = settings.landing / "events" / "locked"
    locked.mkdir()
    scan = os.scandir

    def refuse(path: str):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ingest()
    monkeypatch.undo()
    assert ledger(lake)["locked/"] == ("unreadable", 1, 0, 1)
    assert ledger(lake)["good.jsonl"] == ("ingested", 1, 1, 0)
    (locked / "late.jsonl").write_text(json.dumps(event("u2")) + "\n")
    assert ingest().accepted == 1


def test_a_file_that_vanishes_while_it_is_listed_is_left_out(settings: Settings, monkeypatch) -> None:
    land(settings, "a.jsonl", event())
    gone = land(settings, "gone.jsonl", event())
    stat = os.stat

    def vanish(path, **how):
        if str(path) == str(gone):
            gone.unlink(missing_ok=True)
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", vanish)
    assert [file.name for file in list_files(settings.landing / "events", "events")] == ["a.jsonl"]


def test_too_many_columns_are_refused_by_name(lake: Lake, settings: Settings, ingest) -> None:
    names = ["user_id", "item_id", "event_type", "event_at", *(f"c{n}" for n in range(4000))]
    values = ["u1", "i1", "purchase", "2024-05-01", *("x" for _ in range(4000))]
    folder = settings.landing / "events"
    (folder / "wide.csv").write_text(",".join(names) + "\n" + ",".join(values) + "\n")
    pq.write_table(
        pa.table({name: [value] for name, value in zip(names, values, strict=True)}), folder / "wide.parquet"
    )
    land(settings, "good.jsonl", event())
    ingest()
    assert ledger(lake)["good.jsonl"] == ("ingested", 1, 1, 0)
    assert lake.rows("select source, reason from raw.quarantine order by source") == [
        ("events/wide.csv", "unreadable: wide.csv has 4,004 columns; at most 1,000 are read"),
        ("events/wide.parquet", "unreadable: wide.parquet has 4,004 columns; at most 1,000 are read"),
    ]


@pytest.mark.parametrize("megabytes", [1.9, 2.1, 40])
@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz"])
def test_a_line_of_any_length_has_a_fate(
    lake: Lake, settings: Settings, ingest, megabytes: float, form: str
) -> None:
    long = event("u2", context={"x": "ü" * int(megabytes * 500_000)})
    data = "".join(
        json.dumps(row, ensure_ascii=False) + "\n" for row in (event(), long, event("u3"))
    ).encode()
    path = settings.landing / "events" / f"a.{form}"
    path.write_bytes(gzip.compress(data, 1) if form.endswith("gz") else data)
    ingest()
    too_long = megabytes * 1e6 > MAX_LINE_BYTES
    assert ledger(lake) == {f"a.{form}": ("ingested", 3, 3 - too_long, int(too_long))}
    assert (
        lake.rows("select position, reason, length(raw) <= 65536 from raw.quarantine")
        == [(2, "line_too_long", True)] * too_long
    )


@pytest.mark.parametrize("n_rows", [3, 400_000])
def test_a_json_array_is_refused_by_name(lake: Lake, settings: Settings, ingest, n_rows: int) -> None:
    (settings.landing / "events" / "a.jsonl").write_text("\n" + json.dumps([event()] * n_rows))
    ingest()
    assert lake.rows("select reason from raw.quarantine") == [
        ("unreadable: a.jsonl is a JSON array; expected an object a line, as jq -c '.[]' writes",)
    ]


def test_a_file_of_unknown_types_holds_up_no_other_in_a_refresh(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    land(settings, "bad.jsonl", *(event(f"u{n}", event_type="loan") for n in range(300)))
    land(settings, "good.jsonl", *(event(f"u{n}") for n in range(200)))
    tick = run_tick(lake, domain, LandingSource(10_000), run_id="tick", now=NOW)
    assert tick is not None and tick.accepted == 200
    assert ledger(lake) == {"bad.jsonl": ("refused", 300, 0, 300), "good.jsonl": ("ingested", 200, 200, 0)}
    assert run_tick(lake, domain, LandingSource(10_000), run_id="tick", now=NOW) is None


def test_good_rows_of_a_bad_file_wait_in_quarantine_and_can_be_replayed(
    lake: Lake, domain: Domain, settings: Settings, ingest
) -> None:
    rows = [event(f"u{n}", event_at="31.12.2023" if n < 120 else "2024-05-01") for n in range(200)]
    path = land(settings, "mixed.jsonl", *rows)
    ingest()
    assert ledger(lake) == {"mixed.jsonl": ("refused", 200, 0, 200)}
    why = "refused_file: 120 of its 200 rows are bad, 50% may be"
    assert lake.rows(
        "select regexp_extract(reason, '^[a-z_]+'), count(*) from raw.quarantine group by 1 order by 1"
    ) == [
        ("bad_event_at", 120),
        ("refused_file", 80),
    ]
    assert lake.value("select reason from raw.quarantine where position = 121") == why
    counts = replay_quarantine(lake, domain, "events", run_id="again", ingested_at=NOW, reason="refused_file")
    assert (counts.accepted, counts.quarantined) == (80, -80)
    # Mended and landed again under its own name.
    path.write_text("".join(json.dumps(row | {"event_at": "2024-05-02"}) + "\n" for row in rows))
    assert ingest().accepted == 200


def test_a_gzip_that_unpacks_beyond_the_limit_is_refused_by_name(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    row = json.dumps(event(context={"x": "0" * 1000})) + "\n"
    (settings.landing / "events" / "bomb.jsonl.gz").write_bytes(gzip.compress((row * 5000).encode()))
    land(settings, "good.jsonl", event())
    small = replace(domain, quality=replace(domain.quality, max_file_mb=2.0))
    ingest_pending(lake, small, settings, run_id="r", ingested_at=NOW)
    assert ledger(lake)["good.jsonl"] == ("ingested", 1, 1, 0)
    assert lake.rows("select reason from raw.quarantine") == [
        ("unreadable: bomb.jsonl.gz holds more than 2 MB of text; see quality.max_file_mb",)
    ]


def test_the_watcher_rings_for_what_the_reader_reads(settings: Settings) -> None:
    folder = settings.landing / "events"
    for name in ("a.jsonl", "notes.txt", ".hidden.jsonl", "_part.csv", "b.csv.tmp", "below/c.parquet"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    read = {str(file.path) for file in list_files(folder, "events")}
    assert {path for path, _ in landed_files((folder,))} == read
    assert len(read) == 2
