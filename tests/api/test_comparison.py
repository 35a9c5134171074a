"""Two publications side by side, worked out by hand on lists of three places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import duckdb
import pytest

from include.api import comparison
from include.api.comparison import Comparison, choose, compare, move
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.publish.publish import close_publication, open_publication
from include.serving.look_ups import LookUps
from include.settings import Settings

AT = datetime(2030, 1, 1)
BEFORE = {
    "ann": ["b01", "b02", "b03"],
    "bob": ["b01", "b02"],
    "cleo": ["b05"],
    "eve": ["b01", "b02"],
}
AFTER = {
    "ann": ["b02", "b01", "b04"],
    "bob": ["b01", "b02"],
    "dan": ["b07"],
    "eve": ["b02", "b01"],
}


def publish(lake: Lake, lists: Mapping[str, Sequence[str]], kind: str = "nightly") -> str:
    """Lists in the place of all that are live; b04 is of source ease, everything else of als."""

    def work(con: duckdb.DuckDBPyConnection) -> str:
        publication = open_publication(
            con, kind=kind, as_of=AT, published_at=AT, model_version="m", run_id="judged", events_snapshot=1
        )
        rows = [
            {
                "user_id": user,
                "rank": rank,
                "item_id": item,
                "score": 1 / rank,
                "source": "ease" if item == "b04" else "als",
                "reason": "why",
                "model_version": "m",
                "publication_id": publication.publication_id,
                "generated_at": AT,
                "share": 1.0,
            }
            for user, items in lists.items()
            for rank, item in enumerate(items, start=1)
        ]
        con.execute("delete from serving.recommendations")
        insert_rows(con, "serving.recommendations", rows)
        close_publication(con, publication, len(lists), len(rows))
        return publication.publication_id

    return lake.write(work, run_id="test", message="lists of a test")


@pytest.fixture
def look_ups(settings: Settings, lake: Lake) -> Iterator[LookUps]:
    publish(lake, BEFORE)
    publish(lake, AFTER)
    opened = LookUps(settings)
    yield opened
    opened.close()


def compared(look_ups: LookUps, user: str = "") -> Comparison:
    pair = choose(look_ups, "", "").pair
    assert pair is not None
    return compare(look_ups, *pair, user)


def test_lists_that_changed(look_ups: LookUps) -> None:
    told = compared(look_ups).overlap.rows[0]
    # ann keeps two of three, of four in all; bob and eve keep both of theirs.
    assert told["kept"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert told["jaccard"] == pytest.approx((2 / 4 + 1 + 1) / 3)
    counts = ("people", "everyone", "changed", "reordered", "came", "went")
    assert tuple(told[name] for name in counts) == (5, 5, 4, 1, 1, 1)


def test_items_and_sources(look_ups: LookUps) -> None:
    found = compared(look_ups)
    moved = [(row["item_id"], row["before"], row["after"], row["change"]) for row in found.movers.rows]
    assert moved == [("b03", 1, 0, -1), ("b04", 0, 1, 1), ("b05", 1, 0, -1), ("b07", 0, 1, 1)]
    assert found.movers.rows[0]["title"] == "Red book 3"
    shares = [(row["source"], row["before"], row["after"]) for row in found.sources.rows]
    assert shares == [("als", 100.0, 87.5), ("ease", 0.0, 12.5)]


def test_the_order_of_asking_does_not_matter(look_ups: LookUps) -> None:
    newest, before = look_ups.readable_publications()[:2]
    assert compare(look_ups, newest, before).movers.rows == compare(look_ups, before, newest).movers.rows


def test_a_person(look_ups: LookUps) -> None:
    person = compared(look_ups, "ann").person
    assert person is not None
    rows = [(row["item_id"], move(row["before"], row["after"])) for row in person.rows]
    assert rows == [("b02", "▲ 1 up"), ("b01", "▼ 1 down"), ("b04", "new"), ("b03", "gone")]
    assert move(4, 4) == "same place"
    odd = compared(look_ups, "o'dd").person
    assert odd is not None and odd.rows == [] and "'o''dd'" in odd.sql


def test_each_figure_comes_from_the_sql_beside_it(look_ups: LookUps) -> None:
    found = compared(look_ups, "ann")
    for figure in (found.overlap, found.movers, found.sources, found.judged, found.person):
        assert figure is not None
        names, rows = look_ups.table(figure.sql)
        assert [dict(zip(names, row, strict=True)) for row in rows] == figure.rows


def test_many_people_are_sampled_the_same_way_each_time(
    look_ups: LookUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SAMPLE", 2)
    first = compared(look_ups)
    assert (first.overlap.rows[0]["people"], first.overlap.rows[0]["everyone"]) == (2, 5)
    assert compared(look_ups).movers.rows == first.movers.rows


def test_how_their_models_were_judged(look_ups: LookUps, lake: Lake) -> None:
    assert compared(look_ups).judged.rows == []
    judged = {"run_id": "judged", "evaluated_at": AT, "subject": "pipeline", "k": 10, "users": 7}

    def work(con: duckdb.DuckDBPyConnection) -> None:
        model = {"model_version": "m", "status": "champion", "trained_at": AT, "run_id": "judged"}
        insert_rows(con, "ops.model_versions", [model])
        insert_rows(con, "ops.evaluations", [judged | {"metric": "ndcg", "value": 0.25}])
        insert_rows(con, "ops.evaluations", [judged | {"metric": "map", "value": 0.5}])

    lake.write(work, run_id="test", message="figures of a test")
    assert [row["value"] for row in compared(look_ups).judged.rows] == [0.25, 0.25]


def test_what_cannot_be_compared_is_told(settings: Settings, lake: Lake) -> None:
    first = lake.value("select publication_id from serving.publications")
    opened = LookUps(settings)
    try:
        choice = choose(opened, "", "")
        assert choice.pair is None and choice.problem.startswith("Only one publication")
        second = publish(lake, AFTER)
        assert choose(opened, second, second).problem.startswith("These are the same")
        unknown = choose(opened, "zzz", "")
        assert unknown.status == 404 and "no publication 'zzz'" in unknown.problem
        snapshot = lake.value("select snapshot from serving.publications where publication_id = ?", [first])
        lake.rows(f"call ducklake_expire_snapshots('nightjar', versions => [{snapshot}])")
        expired = choose(opened, first, "")
        assert expired.status == 410 and "can be read no more" in expired.problem
        assert [row["publication_id"] for row in expired.readable] == [second]
    finally:
        opened.close()


def test_nightlies_are_not_hidden_behind_refreshes(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.serving.look_ups.READABLE_REFRESHES", 1)
    for _ in range(3):
        publish(lake, AFTER, kind="refresh")
    opened = LookUps(settings)
    try:
        assert [row["kind"] for row in opened.readable_publications()] == ["refresh", "nightly"]
    finally:
        opened.close()
