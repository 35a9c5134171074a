"""What a row says does not depend on its neighbours, nor on how its file stores it."""

from __future__ import annotations

import decimal
import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.config.domain import Domain
from include.ingest.ingest import ingest_pending
from include.lake.lake import Lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12)
TEN = datetime(2024, 5, 1, 10)


@pytest.fixture
def ingest(lake: Lake, domain: Domain, settings: Settings):
    return lambda: ingest_pending(lake, domain, settings, run_id="r", ingested_at=NOW)


def times(lake: Lake) -> dict[str, datetime]:
    return dict(lake.rows("select item_id, event_at from raw.events"))


def reasons(lake: Lake) -> list[tuple[str]]:
    return lake.rows("select reason from raw.quarantine order by position")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_named_zone_moves_no_other_row(lake: Lake, settings: Settings, ingest, form: str) -> None:
    written = {
        "berlin": ("2024-05-01T10:00:00 Europe/Berlin", datetime(2024, 5, 1, 8)),
        "plain": ("2024-05-01T10:00:00", TEN),
        "day": ("2024-05-01", datetime(2024, 5, 1)),
        "tokyo": ("2024-05-01T10:00:00 Asia/Tokyo", datetime(2024, 5, 1, 1)),
        "utc": ("2024-05-01T10:00:00Z", TEN),
        "offset": ("2024-05-01T10:00:00+05:30", datetime(2024, 5, 1, 4, 30)),
    } | {f"p{n}": ("2024-05-01 10:00:00", TEN) for n in range(3000)}
    rows = [("u1", item, "purchase", at) for item, (at, _) in written.items()]
    names = ("user_id", "item_id", "event_type", "event_at")
    if form == "csv":
        text = "\n".join([",".join(names), *(",".join(row) for row in rows)]) + "\n"
    else:
        text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
    (settings.landing / "events" / f"a.{form}").write_text(text)
    ingest()
    assert times(lake) == {item: at for item, (_, at) in written.items()}


@pytest.mark.parametrize("zone", ["+25:00", "+02:99", " Mars/X"])
def test_what_is_no_zone_is_no_instant(lake: Lake, settings: Settings, ingest, zone: str) -> None:
    at = f"2024-05-01T10:00:00{zone}"
    row = {"user_id": "u1", "item_id": "i1", "event_type": "purchase", "event_at": at}
    (settings.landing / "events" / "a.jsonl").write_text(json.dumps(row) + "\n")
    ingest()
    assert reasons(lake) == [(f"bad_event_at: {at}",)]


def land_ids(settings: Settings, name: str, column: pa.Array) -> None:
    n = len(column)
    table = pa.table(
        {
            "user_id": column,
            "item_id": [f"{name}{k}" for k in range(n)],
            "event_type": ["purchase"] * n,
            "event_at": [TEN] * n,
        }
    )
    pq.write_table(table, settings.landing / "events" / f"{name}.parquet")


def test_a_whole_number_is_one_id_however_it_is_stored(lake: Lake, settings: Settings, ingest) -> None:
    land_ids(settings, "whole", pa.array([101], pa.int64()))
    land_ids(settings, "double", pa.array([101.0], pa.float64()))
    land_ids(settings, "single", pa.array([101.0], pa.float32()))
    land_ids(settings, "decimal", pa.array([decimal.Decimal(101)], pa.decimal128(38, 10)))
    land_ids(settings, "text", pa.array(["101"]))
    written = ("101", "101.0", "1.01e2", '"101"')
    lines = [
        f'{{"user_id": {user}, "item_id": "j{n}", "event_type": "purchase", "event_at": "2024-05-01"}}\n'
        for n, user in enumerate(written)
    ]
    (settings.landing / "events" / "a.jsonl").write_text("".join(lines))
    ingest()
    assert reasons(lake) == []
    assert lake.rows("select distinct user_id from raw.events") == [("101",)]
    assert lake.value("select count(*) from raw.events") == 9


def test_a_text_that_looks_like_a_fraction_stays_as_it_is(lake: Lake, settings: Settings, ingest) -> None:
    land_ids(settings, "text", pa.array(["1.0", "1.50", "007"]))
    land_ids(settings, "double", pa.array([1.5, None], pa.float64()))
    ingest()
    assert lake.rows("select distinct user_id from raw.events order by 1") == [
        ("007",),
        ("1.0",),
        ("1.5",),
        ("1.50",),
    ]
    assert reasons(lake) == [("missing_user_id",)]


def test_a_float_that_is_no_exact_whole_number_is_no_id(lake: Lake, settings: Settings, ingest) -> None:
    land_ids(settings, "double", pa.array([2.0**53 - 1, 2.0**53, 1e20], pa.float64()))
    land_ids(settings, "single", pa.array([2.0**24 - 1, 2.0**24], pa.float32()))
    (settings.landing / "events" / "a.jsonl").write_text(
        '{"user_id": 9007199254740993.0, "item_id": "j", "event_type": "purchase", "event_at": 1714557600}\n'
    )
    ingest()
    assert lake.rows("select user_id from raw.events order by 1") == [("16777215",), ("9007199254740991",)]
    assert reasons(lake) == [("inexact_id: user_id",)] * 4
