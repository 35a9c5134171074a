"""Every row ends in exactly one of accepted, quarantined, deduplicated: literal files, hand-counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from include.config.domain import Domain
from include.ingest.ingest import IngestReport, ingest_pending
from include.lake.lake import Lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12, 0, 0)
Ingest = Callable[[], IngestReport]


@pytest.fixture
def ingest(lake: Lake, domain: Domain, settings: Settings) -> Ingest:
    return lambda: ingest_pending(lake, domain, settings, run_id="test", ingested_at=NOW)


def event(**fields: object) -> dict[str, object]:
    base = {"user_id": "u1", "item_id": "i1", "event_type": "purchase", "event_at": "2024-05-01T10:00:00Z"}
    return {key: value for key, value in {**base, **fields}.items() if value is not None}


def land(settings: Settings, name: str, rows: list[object], kind: str = "events") -> Path:
    """JSON lines; a text stands for itself."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return land_bytes(settings, name, "".join(line + "\n" for line in lines).encode(), kind)


def land_bytes(settings: Settings, name: str, data: bytes, kind: str = "events") -> Path:
    path = settings.landing / kind / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def fates(lake: Lake, file: str, kind: str = "events") -> tuple[str, int, int, int, int]:
    rows = lake.rows(
        "select status, rows_in, accepted, quarantined, deduplicated from ops.ingests"
        " where source = ? and file = ?",
        [kind, file],
    )
    assert len(rows) == 1, f"{file} stands {len(rows)} times in the ledger"
    return rows[0]


def reasons(lake: Lake) -> list[tuple[int, str]]:
    return lake.rows("select position, reason from raw.quarantine order by source, position")


def test_three_fates_of_three_rows(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land(settings, "a.jsonl", [event(), event(), event(user_id="")])
    report = ingest()
    assert fates(lake, "a.jsonl") == ("ingested", 3, 1, 1, 1)
    assert (report.rows_in, report.accepted) == (3, 1)
    assert reasons(lake) == [(3, "missing_user_id")]
    assert json.loads(lake.value("select raw from raw.quarantine"))["user_id"] == ""


BAD_ROWS = [
    ('{"user_id": "u1", "item', "invalid_json"),
    ("[1, 2]", "invalid_json"),
    ('"text"', "invalid_json"),
    (event(user_id="NULL"), "missing_user_id"),
    (event(user_id=" \u200b\u00a0 "), "missing_user_id"),
    (event(item_id=None), "missing_item_id"),
    (event(item_id="x" * 513), "id_too_long: item_id"),
    (event(event_type="view"), "unknown_event_type: view"),
    (event(event_at=None), "missing_event_at"),
    (event(event_at="yesterday"), "bad_event_at: yesterday"),
    (event(event_at="2023-02-29"), "bad_event_at: 2023-02-29"),
    (event(event_at="infinity"), "bad_event_at: infinity"),
    (event(event_at=0), "before_earliest: 1970-01-01 00:00:00"),
    (event(event_at="2024-06-01T12:05:01Z"), "future: 2024-06-01 12:05:01"),
    (event(event_at=1e300), "bad_event_at: 1e300"),
    (event(event_type="rating"), "missing_value"),
    (event(value="many"), "bad_value: many"),
    (event(value=1e308), "bad_value: 1e308"),
    (
        '{"user_id":"u","item_id":"i","event_type":"rating","event_at":1714557600,"value":NaN}',
        "bad_value: NaN",
    ),
    (
        '{"user_id":"u","item_id":"i","event_type":"rating","event_at":1714557600,"value":-Infinity}',
        "bad_value: -Infinity",
    ),
    (event(context="{broken"), "bad_context: {broken"),
    (event(user_id="a\0b"), "nul_byte"),
]


def test_reason_of_each_bad_row(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    """Each bad row stands between two good ones, which it takes nothing from."""
    rows: list[object] = []
    for i, (row, _) in enumerate(BAD_ROWS):
        rows += [event(user_id=f"good{i}"), row]
    land(settings, "a.jsonl", [*rows, event(user_id="last")])
    ingest()
    assert reasons(lake) == [(2 * i + 2, reason) for i, (_, reason) in enumerate(BAD_ROWS)]
    n = len(BAD_ROWS)
    assert fates(lake, "a.jsonl") == ("ingested", 2 * n + 1, n + 1, n, 0)


INSTANTS: list[tuple[object, datetime]] = [
    ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10)),
    ("2024-05-01T10:00:00+02:00", datetime(2024, 5, 1, 8)),
    ("2024-05-01 10:00:00.25", datetime(2024, 5, 1, 10, 0, 0, 250000)),
    ("2024-05-01", datetime(2024, 5, 1)),
    ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59)),
    # An hour that does not exist on a London clock exists in UTC.
    ("2024-03-31T01:30:00", datetime(2024, 3, 31, 1, 30)),
    (1714557600, datetime(2024, 5, 1, 10)),
    ("1714557600", datetime(2024, 5, 1, 10)),
    (1714557600123, datetime(2024, 5, 1, 10, 0, 0, 123000)),
    (1714557600123456, datetime(2024, 5, 1, 10, 0, 0, 123456)),
    (1714557600.5, datetime(2024, 5, 1, 10, 0, 0, 500000)),
    ("2024-06-01T12:05:00Z", datetime(2024, 6, 1, 12, 5)),
]


def test_instants(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land(
        settings, "a.jsonl", [event(event_at=given, user_id=str(i)) for i, (given, _) in enumerate(INSTANTS)]
    )
    ingest()
    found = dict(lake.rows("select user_id::int, event_at from raw.events"))
    assert found == {i: expected for i, (_, expected) in enumerate(INSTANTS)}


def test_ids_that_look_alike_are_one(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    composed, decomposed = "Jos\u00e9", "Jose\u0301"
    odd = [
        "\u05d3\u05e0\u05d9",
        "\U0001f3f4\U000e0067\U000e0062",
        "12345678901234567890123",
        "' or 1=1--",
        "a\u200bb",
    ]
    land(
        settings, "a.jsonl", [event(user_id=user) for user in (composed, decomposed, f" {composed}\t", *odd)]
    )
    ingest()
    assert {row[0] for row in lake.rows("select user_id from raw.events")} == {composed, *odd}
    assert fates(lake, "a.jsonl") == ("ingested", 8, 6, 0, 2)


def test_fields_land_as_they_are(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    full = event(event_id="e1", value=2.5, session_id="s", variant="b", context={"page": [1, "x"]})
    land(settings, "a.jsonl", [full])
    ingest()
    assert lake.rows(
        "select event_id, user_id, item_id, event_type, value, session_id, variant, context from raw.events"
    ) == [("e1", "u1", "i1", "purchase", 2.5, "s", "b", '{"page":[1,"x"]}')]


def test_every_format_gives_the_same_rows(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    """The second and third file say nothing new, so all their rows are deduplicated."""
    rows = [event(user_id=f"u{i}", value=i, session_id="s,;\t|") for i in range(5)]
    land(settings, "a.jsonl", rows)
    con = duckdb.connect()
    con.execute(
        "create table t (user_id text, item_id text, event_type text, event_at timestamp, value double,"
        " session_id text, extra text)"
    )
    for row in rows:
        con.execute(
            "insert into t values (?, ?, ?, ?, ?, ?, 'ignored')",
            [row[k] for k in ("user_id", "item_id", "event_type", "event_at", "value", "session_id")],
        )
    folder = settings.landing / "events"
    con.execute(f"copy t to '{folder / 'b.parquet'}' (format parquet)")
    for name, delimiter in (("c", ","), ("d", ";"), ("e", "\t"), ("f", "|")):
        con.execute(f"copy t to '{folder / name}.csv' (delimiter '{delimiter}')")
    con.execute(f"copy t to '{folder / 'g.csv.gz'}' (header, compression gzip)")
    ingest()
    assert fates(lake, "a.jsonl") == ("ingested", 5, 5, 0, 0)
    for name in ("b.parquet", "c.csv", "d.csv", "e.csv", "f.csv", "g.csv.gz"):
        assert fates(lake, name) == ("ingested", 5, 0, 0, 5), name


def test_torn_csv_rows_leave_the_others(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    text = (
        "user_id,item_id,event_type,event_at\n"
        "u1,i1,purchase,2024-05-01\n"
        "u2,i1\n"
        "u3,i1,purchase,2024-05-01,more\n"
        "u4,i1,refund,2024-05-01\n"
        "u5,i1,purchase,2024-05-01\n"
    )
    land_bytes(settings, "a.csv", text.encode())
    ingest()
    assert reasons(lake) == [
        (2, "torn_row: missing columns"),
        (3, "torn_row: too many columns"),
        (4, "unknown_event_type: refund"),
    ]
    assert lake.rows("select raw from raw.quarantine where position = 2") == [("u2,i1",)]
    assert fates(lake, "a.csv") == ("ingested", 5, 2, 3, 0)


def test_open_quote_does_not_swallow_the_lines_after_it(
    lake: Lake, settings: Settings, ingest: Ingest
) -> None:
    text = (
        "user_id,item_id,event_type,event_at\n"
        'u1,"i,1",purchase,2024-05-01\n'
        '"u2,i1,purchase,2024-05-01\n'
        "u3,i1,purchase,2024-05-01\n"
        "u4,i1,refund,2024-05-01\n"
        "u5,i1,purchase,2024-05-01\n"
    )
    land_bytes(settings, "a.csv", text.encode())
    land_bytes(settings, "b.csv", text.replace('"u2', "u2").encode())
    ingest()
    assert reasons(lake) == [
        (2, "torn_row: quote not closed"),
        (4, "unknown_event_type: refund"),
        (4, "unknown_event_type: refund"),
    ]
    assert fates(lake, "a.csv") == ("ingested", 5, 3, 2, 0)
    assert fates(lake, "b.csv") == ("ingested", 5, 1, 1, 3)


def test_line_breaks_inside_quotes_are_text(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    text = 'user_id,item_id,event_type,event_at,session_id\nu1,i1,purchase,2024-05-01,"two\nlines ""x"""\n'
    land_bytes(settings, "a.csv", text.encode())
    ingest()
    assert lake.value("select session_id from raw.events") == 'two\nlines "x"'


def test_huge_fields_are_quarantined(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    huge = "x" * 10_000_000
    land(
        settings,
        "a.jsonl",
        [event(user_id="u0"), event(context=huge), event(user_id="NULL"), event(user_id="u9")],
    )
    land_bytes(
        settings,
        "b.csv",
        f"user_id,item_id,event_type,event_at,session_id\nu1,i1,purchase,2024-05-02,{huge}\n"
        "u2,i1,purchase,2024-05-02,s\nu3,,purchase,2024-05-02,s\n".encode(),
    )
    con = duckdb.connect()
    con.execute(
        f"copy (select 'u5' user_id, 'i' item_id, 'purchase' event_type, '2024-05-03' event_at,"
        f" to_json(repeat('x', 10000000)) context) to '{settings.landing}/events/c.parquet'"
    )
    ingest()
    assert reasons(lake) == [
        (2, "line_too_long"),
        (3, "missing_user_id"),
        (1, "line_too_long"),
        (3, "missing_item_id"),
        (1, "field_too_long: context"),
    ]
    assert fates(lake, "a.jsonl") == ("ingested", 4, 2, 2, 0)
    assert fates(lake, "b.csv") == ("ingested", 3, 1, 2, 0)
    assert lake.value("select max(length(raw)) from raw.quarantine") <= 65_536


def test_marks_of_broken_text_cost_their_row(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    good = json.dumps(event(), ensure_ascii=False).encode()
    data = b"\xef\xbb\xbf" + b"\r\n".join(
        [
            good,
            good.replace(b"u1", b"u\xff2"),
            good.replace(b"u1", b"u\x003"),
            b"",
            good.replace(b"u1", b"u5"),
        ]
    )
    land_bytes(settings, "a.jsonl", data)
    csv = b"user_id,item_id,event_type,event_at\r\nu7,i\xe9,purchase,2024-05-01\r\nu8,i,purchase,2024-05-01"
    land_bytes(settings, "b.csv.gz", b"\xef\xbb\xbf" + csv)
    ingest()
    assert reasons(lake) == [(2, "invalid_utf8"), (3, "nul_byte"), (1, "invalid_utf8")]
    assert fates(lake, "a.jsonl") == ("ingested", 4, 2, 2, 0)
    assert fates(lake, "b.csv.gz") == ("ingested", 2, 1, 1, 0)


def test_files_that_cannot_be_read_are_named_and_the_rest_goes_on(
    lake: Lake, settings: Settings, ingest: Ingest
) -> None:
    land(settings, "good.jsonl", [event()])
    whole = gzip.compress(b"".join(json.dumps(event(user_id=f"u{i}")).encode() + b"\n" for i in range(2000)))
    folder = settings.landing / "events"
    (folder / "torn.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jsonl.gz").write_bytes(b'{"user_id": "u1"}\n')
    (folder / "zip.jsonl").write_bytes(whole)
    (folder / "wide.jsonl").write_bytes("{}".encode("utf-16"))
    con = duckdb.connect()
    con.execute(f"copy (select range::text user_id from range(1000)) to '{folder / 'columns.parquet'}'")
    (folder / "footer.parquet").write_bytes((folder / "columns.parquet").read_bytes()[:-7])
    (folder / "noheader.csv").write_bytes(b"u1,i1,purchase,2024-05-01\n")
    (folder / "twice.csv").write_bytes(b"user_id,item_id,event_type,event_at,User_ID\n")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "header.csv").write_bytes(b"user_id,item_id,event_type,event_at")
    report = ingest()
    assert fates(lake, "good.jsonl") == ("ingested", 1, 1, 0, 0)
    for name in ("empty.csv", "empty.parquet", "header.csv"):
        assert fates(lake, name) == ("ingested", 0, 0, 0, 0), name
    broken = {
        "torn.jsonl.gz",
        "text.jsonl.gz",
        "zip.jsonl",
        "wide.jsonl",
        "columns.parquet",
        "footer.parquet",
        "noheader.csv",
        "twice.csv",
    }
    assert {name for _, name, _ in report.problems} == broken
    for name in broken:
        assert fates(lake, name) == ("unreadable", 1, 0, 1, 0), name
    rows = lake.rows(
        "select source, position, reason from raw.quarantine where source like '%columns.parquet'"
    )
    assert rows == [
        ("events/columns.parquet", 0, "missing_columns: event_at, event_type, item_id (has user_id)")
    ]


def test_names_are_no_patterns(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    con = duckdb.connect()
    for i, name in enumerate(("a1", "a[1]", "a*", "it's", "caf\u00e9 \U0001f600")):
        path = settings.landing / "events" / f"{name}.parquet"
        con.execute(
            f"copy (select 'u{i}' user_id, 'i' item_id, 'purchase' event_type, '2024-05-01' event_at)"
            f" to '{settings.home}/x.parquet'"
        )
        (settings.home / "x.parquet").rename(path)
    ingest()
    assert lake.rows("select file, accepted from ops.ingests order by file") == [
        ("a*.parquet", 1),
        ("a1.parquet", 1),
        ("a[1].parquet", 1),
        ("caf\u00e9 \U0001f600.parquet", 1),
        ("it's.parquet", 1),
    ]


def test_broken_page_costs_its_own_file(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    folder = settings.landing / "events"
    con = duckdb.connect()
    for name in ("a", "b", "c"):
        con.execute(
            f"copy (select '{name}' || range user_id, md5(range::text) item_id, 'purchase' event_type,"
            f" '2024-05-01' event_at from range(5000)) to '{folder / name}.parquet'"
        )
    data = bytearray((folder / "b.parquet").read_bytes())
    data[200:4000] = bytes(3800)
    (folder / "b.parquet").write_bytes(data)
    ingest()
    assert fates(lake, "a.parquet") == ("ingested", 5000, 5000, 0, 0)
    assert fates(lake, "b.parquet") == ("unreadable", 1, 0, 1, 0)
    assert fates(lake, "c.parquet") == ("ingested", 5000, 5000, 0, 0)


def test_one_name_with_other_content_is_refused(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land(settings, "a.jsonl", [event()])
    ingest()
    land(settings, "a.jsonl", [event(), event(user_id="u2")])
    first, second = ingest(), ingest()
    assert [problem[:2] for problem in first.problems] == [("events", "a.jsonl")]
    assert second.problems == ()
    assert lake.rows("select user_id from raw.events") == [("u1",)]
    assert lake.rows("select status, rows_in, quarantined from ops.ingests order by status") == [
        ("ingested", 1, 0),
        ("refused", 1, 1),
    ]


def test_unreadable_file_can_land_again_repaired(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land_bytes(settings, "a.csv", b"user_id\nu1\n")
    ingest()
    land_bytes(settings, "a.csv", b"user_id,item_id,event_type,event_at\nu1,i1,purchase,2024-05-01\n")
    ingest()
    assert lake.rows("select status, accepted from ops.ingests order by status") == [
        ("ingested", 1),
        ("unreadable", 0),
    ]


def test_same_content_under_two_names_is_deduplicated(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    rows = [event(), event(user_id="u2"), event(user_id=None)]
    land(settings, "a.jsonl", rows)
    land(settings, "b.jsonl", rows)
    ingest()
    land(settings, "c.jsonl", rows)
    ingest()
    assert fates(lake, "a.jsonl") == ("ingested", 3, 2, 1, 0)
    assert fates(lake, "b.jsonl") == ("ingested", 3, 0, 0, 3)
    assert fates(lake, "c.jsonl") == ("ingested", 3, 0, 0, 3)
    assert lake.value("select count(*) from raw.quarantine") == 1


def test_replayed_ten_times_nothing_changes(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land(settings, "a.jsonl", [event(), event(user_id="NULL")])
    ingest()
    before = lake.snapshot()
    for _ in range(10):
        assert ingest().rows_in == 0
    assert lake.snapshot() == before


def test_touched_file_is_not_taken_in_again(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    path = land(settings, "a.jsonl", [event()])
    ingest()
    path.write_bytes(path.read_bytes())
    assert ingest().rows_in == 0


def test_late_events_are_taken_in_and_counted(lake: Lake, settings: Settings, ingest: Ingest) -> None:
    land(settings, "a.jsonl", [event(event_at="2024-05-20T00:00:00Z")])
    ingest()
    hour, day, quarter = "2024-05-19T23:00:00Z", "2024-05-18T23:59:59Z", "2024-02-20T00:00:00Z"
    land(settings, "b.jsonl", [event(event_at=at) for at in (quarter, hour, day)])
    report = ingest()
    assert report.kinds[-1].late == 2
    assert lake.rows(
        "select late, first_event_at, last_event_at from ops.ingests where file = 'b.jsonl'"
    ) == [(2, datetime(2024, 2, 20), datetime(2024, 5, 19, 23))]
    assert lake.rows("select source, position, lag_seconds, lag_rows from ops.watermarks") == [
        ("events", "2024-05-20 00:00:00", 12.5 * 86400, 0)
    ]


def test_batches_by_rows_and_events_known_from_earlier_batches(
    lake: Lake, domain: Domain, settings: Settings
) -> None:
    for i in range(4):
        land(
            settings,
            f"{i}.jsonl",
            [event(user_id=f"u{i}"), event(user_id="same"), event(event_id=7, user_id=i)],
        )
    seen = []
    report = ingest_pending(
        lake,
        domain,
        settings,
        run_id="r",
        ingested_at=NOW,
        max_rows=6,
        progress=lambda kind: seen.append(kind.rows_in),
    )
    assert seen == [6, 12]
    assert (report.kinds[-1].accepted, report.kinds[-1].deduplicated) == (6, 6)
    assert lake.value("select count(distinct batch_id) from ops.ingests") == 2


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_folders_on_the_path_never_change_data(
    lake: Lake, settings: Settings, ingest: Ingest, format: str
) -> None:
    """Others partition by folder; the file's own columns are what counts."""
    folder = settings.landing / "events" / "user_id=9" / "event_at=2020-01-01"
    folder.mkdir(parents=True)
    row = (
        "select 'u1' as user_id, 'i1' as item_id, 'purchase' as event_type,"
        " '2024-05-01T10:00:00Z' as event_at"
    )
    options = {"parquet": "format parquet", "csv": "format csv, header", "jsonl": "format json"}[format]
    duckdb.connect().execute(f"copy ({row}) to '{folder / f'a.{format}'}' ({options})")
    ingest()
    assert lake.rows("select user_id, event_at from raw.events") == [("u1", datetime(2024, 5, 1, 10))]
