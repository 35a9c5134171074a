"""Labels in every form that items land with them."""

from __future__ import annotations

import duckdb
import numpy as np

from include.features.landed_labels import load_labels


def labels_of(*rows: tuple[str | None, str | None, str | None]) -> dict[str, set[int]] | None:
    """rows: category, tags, attributes.  Returns attribute/label -> positions."""
    con = duckdb.connect()
    con.execute("create schema raw")
    con.execute(
        "create table raw.items (item_id varchar, category varchar, tags varchar, attributes varchar)"
    )
    ids = np.array([f"i{at}" for at in range(len(rows))])
    for item, row in zip(ids.tolist(), rows, strict=True):
        con.execute("insert into raw.items values (?, ?, ?, ?)", [item, *row])
    found = load_labels(con, ids)
    if found is None:
        return None
    columns = found.of.tocsc()
    return {
        f"{attribute}/{name}": set(columns.indices[columns.indptr[at] : columns.indptr[at + 1]].tolist())
        for at, (attribute, name) in enumerate(
            zip(found.attribute.tolist(), found.name.tolist(), strict=True)
        )
    }


def test_lists_of_tags_in_each_form() -> None:
    assert labels_of(
        (None, '["slow", "sad"]', None), (None, "slow|sad", None), (None, "slow, sad ", None)
    ) == {"tag/slow": {0, 1, 2}, "tag/sad": {0, 1, 2}}


def test_a_name_in_two_columns_or_cases_is_one_label() -> None:
    assert labels_of(("Comedy", "comedy|romance", None), ("Comedy", "Romance", None)) == {
        "tag/Comedy": {0, 1},
        "tag/Romance": {0, 1},
    }


def test_texts_among_the_attributes() -> None:
    row = '{"brand": "Lego", "year": 1997, "parts": ["a"], "text": "' + "long " * 20 + '"}'
    assert labels_of((None, None, row), (None, None, row)) == {"brand/Lego": {0, 1}}


def test_a_label_of_one_item_is_none() -> None:
    assert labels_of(("Comedy", "x", None), ("Horror", "y", None)) is None


def test_nothing_and_broken_json() -> None:
    assert labels_of((None, "", "{"), ("", "[1,", "[]"), (None, None, "null")) is None
