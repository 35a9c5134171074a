"""An erased person is in no table, snapshot or file, does not come back, and nobody else loses anything."""

from __future__ import annotations

import gzip
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.config.domain import Domain, load_domain
from include.errors import DataError, GateError, LakeError, OvertakenError
from include.ingest.batch import commit_batch
from include.ingest.erased_people import forget_erased, key_path
from include.ingest.ingest import ingest_pending
from include.ingest.pending import find_pending
from include.lake.lake import Lake, open_lake
from include.nightly import publishing
from include.operations.erase import count_person, erase_user
from include.operations.export import export_user
from include.operations.file_search import files_that_name
from include.operations.person_request import drop_request, make_request, person_of
from include.operations.traces import find_traces
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import drain
from include.settings import Settings, load_settings
from tests.support.books import NEWEST, NOW, Run, listed, purchase
from tests.support.nightly import land, publish_nightly, stage_nightly

LATER = NEWEST + timedelta(minutes=1)
GONE = "u03"


def erase(lake: Lake, domain: Domain, user: str = GONE, **named: Any) -> Any:
    return erase_user(lake, domain, user, run_id="erase", now=NOW, **named)


def lists(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows("from serving.recommendations where user_id <> ? order by all", [GONE])


def test_no_row_snapshot_or_file_is_left(lake: Lake, settings: Settings, tick: Run, domain: Domain) -> None:
    land(settings, "users", "u.jsonl", [{"user_id": GONE, "attributes": '{"country": "DE"}'}])
    land(settings, "events", "a.jsonl", [purchase(GONE, "b05", LATER), purchase("u04", "b06", LATER)])
    land(settings, "events", "bad.jsonl", [purchase(GONE, "b05", LATER, event_type="stare")])
    land(settings, "events", "bad2.jsonl", [purchase("u04", "b05", LATER, event_type="stare")])
    tick()
    (settings.home / "served").mkdir()
    served = settings.home / "served" / "2026-01-01.jsonl"
    served.write_text(f'{{"user_id": "{GONE}"}}\n{{"user_id": "u04"}}\n')
    (settings.reports / "latest.html").write_text(f"<h2>{GONE}</h2>")
    before, others = count_person(lake, domain, GONE), lists(lake)
    assert before.tables["raw.events"] == 7 and before.tables["raw.quarantine"] == 1
    assert {"features.user_portraits", "serving.recommendations", "raw.users"} <= set(before.tables)
    assert any(file.startswith("lake/data/") for file in before.files)
    done = erase(lake, domain)
    assert done.after.rows == 0 and done.after.files == ()
    assert set(done.after.landing) == {
        "users/u.jsonl",
        "events/a.jsonl",
        "events/bad.jsonl",
        "events/first.jsonl",
    }
    assert done.snapshots > 1
    assert lists(lake) == others
    assert lake.value("select count(*) from raw.quarantine") == 1
    assert served.read_text() == '{"user_id": "u04"}\n'
    assert lake.value("select count(*) from nightjar.snapshots()") == 1
    # Not in its catalog either: smallest and largest values, free pages, the log.
    raw = b"".join(path.read_bytes() for path in settings.lake_dir.glob("catalog.sqlite*"))
    assert GONE.encode() not in raw


def test_who_is_erased_does_not_come_back(lake: Lake, settings: Settings, domain: Domain, tick: Run) -> None:
    erase(lake, domain)
    land(settings, "events", "again.jsonl", [purchase(GONE, "b07", LATER), purchase("u04", "b06", LATER)])
    land(settings, "users", "again.jsonl", [{"user_id": GONE}])
    tick()
    refused = lake.rows("select source, reason, raw from raw.quarantine order by source")
    assert [(source.split("/")[0], reason, raw) for source, reason, raw in refused] == [
        ("events", "erased_person", None),
        ("users", "erased_person", None),
    ]
    counted = (
        "select rows_in, accepted, quarantined from ops.ingests where file = 'again.jsonl' order by source"
    )
    assert lake.rows(counted) == [(2, 1, 1), (1, 0, 1)]
    publish_nightly(settings, domain, "second")
    found = find_traces(lake, domain, GONE)
    assert found.rows == 0 and found.files == (), found.describe()
    assert len(listed(lake, "u04")) == 5
    # Whoever wants to come back may, once they are let in.
    lake.write(lambda con: forget_erased(con, settings, GONE), run_id="lift", message="lifted")
    land(settings, "events", "later.jsonl", [purchase(GONE, "b07", LATER + timedelta(minutes=1))])
    tick()
    assert lake.value("select count(*) from raw.events where user_id = ?", [GONE]) == 1


def test_landing_files_are_rewritten_when_asked(
    lake: Lake, settings: Settings, tick: Run, domain: Domain
) -> None:
    csv = settings.landing / "events" / "c.csv"
    csv.write_text(
        "user_id,item_id,event_type,event_at\n"
        f"{GONE},b05,purchase,{LATER.isoformat()}Z\nu04,b06,purchase,{LATER.isoformat()}Z\n"
    )
    parquet = settings.landing / "events" / "p.parquet"
    lake.con.execute(
        f"copy (select unnest(['{GONE}', 'u05']) as user_id, 'b05' as item_id, 'purchase' as event_type,"
        f" timestamp '{LATER}' as event_at) to '{parquet}' (format parquet)"
    )
    tick()
    others, rows = lists(lake), lake.value("select count(*) from raw.events where user_id <> ?", [GONE])
    done = erase(lake, domain, rewrite_landing=True)
    assert done.after.landing == () and done.rewritten == 3
    assert csv.read_text() == f"user_id,item_id,event_type,event_at\nu04,b06,purchase,{LATER.isoformat()}Z\n"
    assert tick() is None  # the files are known as they are now
    assert lists(lake) == others
    assert lake.value("select count(*) from raw.events") == rows


def test_a_short_number_takes_nobody_elses_rows(
    lake: Lake, settings: Settings, tick: Run, domain: Domain
) -> None:
    rows = [purchase(user, item, LATER, value=7) for user in ("7", "17", "77") for item in ("b05", "b06")]
    land(settings, "events", "numbers.jsonl", rows)
    bad = [purchase(user, "b05", LATER, event_type="stare", value=7) for user in ("7", "17")]
    land(settings, "events", "bad.jsonl", bad)
    tick()
    done = erase(lake, domain, "7")
    assert done.before.tables["raw.events"] == 2 and done.after.rows == 0
    kept = lake.rows(
        "select user_id, count(*) from raw.events where user_id in ('17', '77') group by 1 order by 1"
    )
    assert kept == [("17", 2), ("77", 2)]
    assert [json.loads(raw)["user_id"] for (raw,) in lake.rows("select raw from raw.quarantine")] == ["17"]


def test_erasing_nobody_changes_no_list(lake: Lake, domain: Domain) -> None:
    others = lists(lake)
    done = erase(lake, domain, "never seen")
    assert done.before.rows == 0 and lists(lake) == others
    for wrong in ("", "  ", "x" * 600):
        with pytest.raises(DataError, match="1 to 512"):
            erase(lake, domain, wrong)


def test_the_key_of_the_hashes_is_the_owners(lake: Lake, settings: Settings, domain: Domain) -> None:
    erase(lake, domain)
    assert stat.S_IMODE(key_path(settings).stat().st_mode) == 0o600
    (held,) = lake.rows("select person_hash from ops.erased_people")[0]
    assert len(held) == 64 and GONE not in held


def test_readers_in_between_see_a_whole_set(lake: Lake, settings: Settings, domain: Domain) -> None:
    with open_lake(settings, read_only=True) as reader:
        before = reader.value("select count(*) from serving.recommendations")
        erase(lake, domain)
        assert reader.value("select count(*) from serving.recommendations") == before - 5


def test_an_export_holds_every_row_of_a_person(
    lake: Lake, settings: Settings, tick: Run, tmp_path: Path, domain: Domain
) -> None:
    land(settings, "events", "a.jsonl", [purchase(GONE, "b05", LATER, text="Lovely")])
    tick()
    file = tmp_path / "exports" / "one.json"
    counts = export_user(lake, domain, GONE, file)
    body = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert counts["raw.events"] == len(body["tables"]["raw.events"]) == 7
    assert "Lovely" in {row["text"] for row in body["tables"]["raw.events"]}
    assert {row["user_id"] for rows in body["tables"].values() for row in rows} == {GONE}
    assert "events/a.jsonl" in body["landing_files"]
    with pytest.raises(DataError, match="nothing is held on user 'nobody'"):
        export_user(lake, domain, "nobody", file)


def test_a_request_names_a_person_until_it_is_dropped(settings: Settings) -> None:
    token = make_request(settings, GONE)
    assert person_of(settings, None, token) == GONE and person_of(settings, GONE, None) == GONE
    assert list(files_that_name(settings.home / "tmp", GONE)) == []
    drop_request(settings, token)
    for user, request in ((None, token), (None, None), (GONE, token), (None, "../../x")):
        with pytest.raises(DataError):
            person_of(settings, user, request)


def test_a_row_is_theirs_by_the_mapping_whatever_else_holds_their_number(
    settings: Settings, tmp_path: Path
) -> None:
    """Customer 7 is 7.0 in a column CustomerID; others bought 7 pieces of the item 7."""
    file = tmp_path / "shop.yaml"
    file.write_text(
        "domain: shop\nclock: data\ntext: '{title}'\nevents: {types: {purchase: {weight: value}}}\nsources:\n"
        "  events:\n    columns:\n      user_id: {sql: \"regexp_replace(CustomerID, '\\\\.0$', '')\"}\n"
        "      item_id: Code\n      event_type: {sql: \"'purchase'\"}\n"
        "      event_at: At\n      value: Quantity\n"
    )
    home = tmp_path / "shop"
    shop = load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(file)})
    shop.make_folders()
    domain = load_domain(file)
    at = LATER.isoformat()
    rows = [f'7.0,7,{at},1,"two\r\nlines"', f"17.0,7,{at},7,", f"7.0,b,{at},x,", f"17.0,b,{at},x,"]
    text = "CustomerID,Code,At,Quantity,Note\r\n" + "\r\n".join(rows) + "\r\n"
    with gzip.open(shop.landing / "events" / "a.csv.gz", "wt", newline="") as out:
        out.write(text)
    with open_lake(shop) as lake:
        ingest_pending(lake, domain, shop, run_id="r", ingested_at=NOW)
        assert lake.value("select count(*) from raw.quarantine") == 2
        (shop.home / "served").mkdir()
        served = shop.home / "served" / "d.jsonl"
        served.write_text('{"user_id": "7"}\n{"user_id": "17", "item_ids": ["7"]}\n')
        done = erase(lake, domain, "7", rewrite_landing=True)
        assert done.before.tables == {"raw.events": 1, "raw.quarantine": 1} and done.after.rows == 0
        assert done.before.landing == ("events/a.csv.gz",) and done.after.landing == ()
        assert lake.rows("select user_id, value from raw.events") == [("17", 7.0)]
        (raw,) = lake.rows("select raw from raw.quarantine")[0]
        assert json.loads(raw)["CustomerID"] == "17.0"
        assert served.read_text() == '{"user_id": "17", "item_ids": ["7"]}\n'
        kept = "CustomerID,Code,At,Quantity,Note\r\n" + "\r\n".join((rows[1], rows[3])) + "\r\n"
        with gzip.open(shop.landing / "events" / "a.csv.gz", "rt", newline="") as rewritten:
            assert rewritten.read() == kept
        assert find_pending(lake, domain, shop, "events") == []


def test_a_file_whose_rows_cannot_be_told_apart_stays_and_is_named(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    path = settings.landing / "events" / "torn.csv"
    at = LATER.isoformat()
    path.write_text(
        f'user_id,item_id,event_type,event_at\nu04,"b05,purchase,{at}\n{GONE},b06,purchase,{at}\n'
    )
    tick()
    before = path.read_bytes()
    with pytest.raises(DataError, match="cannot be taken out one by one"):
        erase(lake, domain, rewrite_landing=True)
    assert path.read_bytes() == before
    assert list(path.parent.glob(".*")) == []


def test_a_night_or_a_batch_that_began_before_cannot_bring_them_back(
    lake: Lake, settings: Settings, domain: Domain
) -> None:
    run = stage_nightly(settings, domain, "slow")
    land(settings, "events", "late.jsonl", [purchase(GONE, "b07", LATER), purchase("u04", "b07", LATER)])
    (batch,) = LandingSource(1000).stage(lake, domain, "slow tick", NOW)
    erase(lake, domain)
    with pytest.raises(OvertakenError, match="somebody was erased"):
        lake.write(lambda con: commit_batch(con, batch), run_id="slow tick", message="late")
    with pytest.raises(GateError, match="began before somebody was erased"):
        publishing.publish(run)
    assert find_traces(lake, domain, GONE).rows == 0
    drain(lake, domain, LandingSource(1000), run_id="tick", clock=lambda: NOW)
    assert lake.value("select count(*) from raw.events where user_id = 'u04' and event_at = ?", [LATER]) == 1
    assert lake.value("select count(*) from raw.events where user_id = ?", [GONE]) == 0


def test_a_lost_key_stops_what_lands(lake: Lake, settings: Settings, domain: Domain, tick: Run) -> None:
    erase(lake, domain)
    key_path(settings).unlink()
    land(settings, "events", "a.jsonl", [purchase(GONE, "b07", LATER)])
    with pytest.raises(LakeError, match=r"erasure\.key is gone"):
        tick()
    assert not key_path(settings).exists()
