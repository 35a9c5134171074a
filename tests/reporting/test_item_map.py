"""The map of items: axes worked out by hand, which items are on it, and what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from include.config.domain import Domain
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.reporting.item_map import Person, draw_map, find_axes, place_items, read_item_map


def test_axes_follow_the_widest_spread() -> None:
    vectors = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, -1.0]])
    axes = find_axes(vectors)
    expected = [[0, 0.5], [1, 0.5], [0.5, 1], [0.5, 0]]
    assert axes.place(vectors) == pytest.approx(np.array(expected))
    assert axes.place(np.array([[9.0, 9.0]])).tolist() == [[1, 1]]


def test_axes_of_texts_that_are_all_alike() -> None:
    same = np.ones((3, 4))
    assert np.isfinite(find_axes(same).place(same)).all()
    one = np.ones((1, 1))
    assert find_axes(one).place(one).shape == (1, 2)


def label(lake: Lake, **labels: str) -> None:
    rows = [
        {"item_id": item, "attribute": "tag", "label": name, "confidence": 1.0, "origin": "landed"}
        for item, names in labels.items()
        for name in names.split()
    ]

    def work(con: object) -> None:
        lake.con.execute("delete from features.item_attributes")
        insert_rows(lake.con, "features.item_attributes", rows)

    lake.write(work, run_id="test", message="labels of a test")


def test_items_have_the_colour_of_their_commonest_label(lake: Lake, domain: Domain) -> None:
    label(lake, b01="Drama Comedy", b02="Comedy", b03="Horror")
    found = read_item_map(lake.con, domain)
    assert found is not None and (len(found.items), found.total, found.without_text) == (30, 30, 0)
    assert found.groups == ("Comedy", "Horror", "no attribute")
    assert found.sizes() == [2, 1, 27]
    group = {item.item_id: found.groups[item.group] for item in found.items}
    assert (group["b01"], group["b03"], group["b04"]) == ("Comedy", "Horror", "no attribute")


def test_many_labels_share_a_colour(lake: Lake, domain: Domain) -> None:
    label(lake, **{f"b{n:02}": f"label{n:02}" for n in range(10)})
    found = read_item_map(lake.con, domain)
    assert found is not None and found.groups[7:] == ("label07", "other labels", "no attribute")
    assert found.sizes()[8:] == [2, 20]


def test_texts_that_read_alike_lie_close(lake: Lake, domain: Domain) -> None:
    """Books of one colour share their first word."""
    found = read_item_map(lake.con, domain)
    assert found is not None
    places = np.array([(item.x, item.y) for item in found.items])
    colour = np.array([item.title.split()[0] for item in found.items])
    centres = np.array([places[colour == name].mean(axis=0) for name in ("Red", "Blue", "Green")])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (np.array(["Red", "Blue", "Green"])[nearest] == colour).all()


def test_the_most_popular_items_of_a_large_catalogue(lake: Lake, domain: Domain) -> None:
    found = read_item_map(lake.con, domain, most=5)
    assert found is not None and found.total == 30
    users = dict(lake.rows("select item_id, users from features.item_stats"))
    shown = [users[item.item_id] for item in found.items]
    assert len(shown) == 5 and min(shown) >= sorted(users.values())[-5]
    assert "5 of 30 items, the most popular ones" in draw_map(found)
    others = [f"b{n:02}" for n in range(30)]
    placed = place_items(lake.con, domain, found.axes, [*others, "zzz"])
    assert set(placed) == set(others)
    item = found.items[0]
    assert placed[item.item_id] == pytest.approx((item.x, item.y))


def test_no_text_no_map(lake: Lake, domain: Domain) -> None:
    lake.write(
        lambda con: con.execute(
            "delete from features.item_embeddings where text_hash in ("
            "select min(text_hash) from features.item_embeddings)"
        ),
        run_id="test",
        message="a text less",
    )
    found = read_item_map(lake.con, domain)
    assert found is not None and (len(found.items), found.without_text) == (29, 1)
    assert "29 of 30 items, 1 have no text" in draw_map(found)
    lake.write(
        lambda con: con.execute("delete from features.item_embeddings"), run_id="test", message="no texts"
    )
    assert read_item_map(lake.con, domain) is None


def test_what_is_drawn(lake: Lake, domain: Domain) -> None:
    found = read_item_map(lake.con, domain, most=10)
    assert found is not None
    shown, gone = found.items[0].item_id, "zzz"
    person = Person(had={shown: "<b>old</b>", gone: "no place"}, listed={"b99": "1. New"})
    linked = draw_map(found, person, {"b99": (0.5, 0.5)}, "/item?item=")
    assert linked.count('class="had"') == 2 and linked.count('class="listed"') == 2  # each with its legend
    assert "&lt;b&gt;old" in linked and "<b>old" not in linked and "no place" not in linked
    assert 'href="/item?item=b99" tabindex="0" aria-label="1. New"' in linked
    plain = draw_map(found)
    assert "<a " not in plain and plain.count("<title>") == 10
