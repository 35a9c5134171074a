"""Whatever lands: rows in = accepted + quarantined + deduplicated; landed twice, nothing changes."""

from __future__ import annotations

import json
import shutil
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from include.config.domain import Domain
from include.ingest.ingest import ingest_pending
from include.lake.lake import open_lake
from include.settings import Settings

TEXT = st.one_of(
    st.sampled_from(
        ["u1", "u2", "", "NULL", " ", "\u200b", "i1", "purchase", "rating", "2024-05-01", '"', ",", "\\"]
    ),
    st.text(max_size=8),
)
ANY = st.one_of(TEXT, st.none(), st.integers(), st.floats(), st.lists(TEXT, max_size=2), st.booleans())
ROW = st.fixed_dictionaries(
    {},
    optional={
        "event_id": TEXT,
        "user_id": ANY,
        "item_id": ANY,
        "event_type": st.one_of(st.just("purchase"), st.just("rating"), ANY),
        "event_at": st.one_of(st.integers(0, 2 * 10**9), st.datetimes().map(str), ANY),
        "value": ANY,
        "context": ANY,
    },
)
LINE = st.one_of(
    ROW.map(json.dumps).map(str.encode),
    ROW.map(lambda row: json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")),
)


@pytest.mark.slow
@effort(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.lists(LINE, max_size=12), min_size=1, max_size=3),
    form=st.sampled_from(["jsonl", "csv"]),
)
def test_counts_add_up(settings: Settings, domain: Domain, files: list[list[bytes]], form: str) -> None:
    folder = settings.landing / "events"
    shutil.rmtree(folder)
    folder.mkdir()
    header = b"user_id,item_id,event_type,event_at,value\n" if form == "csv" else b""
    for i, lines in enumerate(files):
        (folder / f"{i}.{form}").write_bytes(header + b"".join(line + b"\n" for line in lines))
    with open_lake(settings) as lake:
        for table in ("raw.events", "raw.quarantine", "ops.ingests", "ops.watermarks"):
            lake.con.execute(f"delete from {table}")
        moment = datetime(2024, 6, 1)
        report = ingest_pending(lake, domain, settings, run_id="r", ingested_at=moment, kinds=("events",))
        assert ingest_pending(lake, domain, settings, run_id="r", ingested_at=moment).rows_in == 0
        rows = lake.rows(
            "select rows_in, accepted, quarantined, deduplicated, status from ops.ingests order by file"
        )
        assert len(rows) == len(files)
        for (rows_in, accepted, quarantined, deduplicated, status), lines in zip(rows, files, strict=True):
            assert rows_in == accepted + quarantined + deduplicated
            assert min(accepted, quarantined, deduplicated) >= 0
            if form == "jsonl" and status == "ingested":
                assert rows_in == sum(1 for line in lines if line.strip(b" \t"))
        assert lake.value("select count(*) from raw.events") == report.accepted
        assert lake.value("select count(*) from raw.quarantine") == sum(row[2] for row in rows)
        assert lake.value("select count(*) = count(distinct event_id) from raw.events")
        bad = "user_id is null or item_id is null or event_at is null or not isfinite(coalesce(value, 0))"
        assert lake.value(f"select count(*) from raw.events where {bad}") == 0


@pytest.mark.parametrize("share", [0.01, 1.0])
@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[: len(line) // 2],
        lambda line: line.replace(b"u", b"\xc3", 1),
        lambda line: line.replace(b"2024", b"9999"),
        lambda line: line.replace(b"purchase", b"pur\x00chase"),
    ],
    ids=["torn", "utf8", "future", "nul"],
)
def test_a_share_of_bad_lines_costs_just_them(
    settings: Settings, domain: Domain, damage, share: float
) -> None:
    row = '{"user_id": "u%d", "item_id": "i", "event_type": "purchase", "event_at": "2024-05-01T00:00:00Z"}\n'
    lines = [(row % i).encode() for i in range(1000)]
    bad = {i for i in range(1000) if i % round(1 / share) == 0}
    text = b"".join(damage(line.rstrip()) + b"\n" if i in bad else line for i, line in enumerate(lines))
    (settings.landing / "events" / "a.jsonl").write_bytes(text)
    with open_lake(settings) as lake:
        report = ingest_pending(lake, domain, settings, run_id="r", ingested_at=datetime(2024, 6, 1)).kinds[
            -1
        ]
        found = {row[0] - 1 for row in lake.rows("select position from raw.quarantine")}
    assert found == bad
    assert (report.rows_in, report.accepted, report.quarantined) == (1000, 1000 - len(bad), len(bad))
