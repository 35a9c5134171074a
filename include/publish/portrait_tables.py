"""Portraits and attributes as rows of features.user_portraits and features.item_attributes."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from include.config.understanding import Understanding
from include.contracts import TABLES
from include.interactions.histories import Histories
from include.lake.user_search import is_among, searching
from include.publish.publish import Publication
from include.recommender.model import Recommender
from include.understanding.portraits import Portrait, draw_portraits

_INTEREST = pa.struct(
    [
        ("attribute", pa.string()),
        ("label", pa.string()),
        ("weight", pa.float64()),
        ("recent_weight", pa.float64()),
        ("lift", pa.float64()),
    ]
)
_INTENT = pa.struct(
    [("about", pa.string()), ("items", pa.int32()), ("confidence", pa.float64()), ("drift", pa.float64())]
)
PORTRAITS = pa.schema(
    [
        ("user_id", pa.string()),
        ("profile", pa.string()),
        ("embedding", pa.list_(pa.float32())),
        ("interests", pa.list_(_INTEREST)),
        ("intent", _INTENT),
    ]
)
ATTRIBUTES = pa.schema(
    [
        ("item_id", pa.string()),
        ("attribute", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("origin", pa.string()),
    ]
)


def portrait_rows(
    recommender: Recommender, config: Understanding, user_ids: np.ndarray, histories: Histories
) -> pa.Table:
    """A row of everybody with an item; user_ids: str (n_users,), the rows of histories.

    No rows where the model knows of no attributes.
    """
    if recommender.attributes is None or recommender.labels is None:
        return PORTRAITS.empty_table()
    portraits = draw_portraits(
        histories,
        recommender.labels,
        recommender.attributes,
        recommender.catalogue.titles,
        None if recommender.texts is None else recommender.texts.embeddings,
        config,
    )
    return pa.Table.from_pylist([_row(portrait, user_ids) for portrait in portraits], PORTRAITS)


def _row(portrait: Portrait, user_ids: np.ndarray) -> dict[str, object]:
    return {
        "user_id": str(user_ids[portrait.user]),
        "profile": portrait.profile,
        "embedding": portrait.vector,
        "interests": [vars(interest) for interest in portrait.interests],
        "intent": vars(portrait.intent),
    }


def attribute_rows(recommender: Recommender, items: np.ndarray | None = None) -> pa.Table:
    """A row for each label of each item.  items: int (n,), positions in the catalogue; None: all of them."""
    model, labels = recommender.attributes, recommender.labels
    if model is None or labels is None:
        return ATTRIBUTES.empty_table()
    origin = model.origin_of(recommender.catalogue, labels)
    rows = np.repeat(np.arange(labels.of.shape[0]), np.diff(labels.of.indptr))
    kept = np.ones(len(rows), bool) if items is None else np.isin(rows, items)
    label = labels.of.indices[kept]
    return pa.table(
        [
            pa.array(recommender.catalogue.item_ids[rows[kept]], pa.string()),
            pa.array(model.attribute[label], pa.string()),
            pa.array(model.name[label], pa.string()),
            pa.array(labels.of.data[kept].astype(np.float64)),
            pa.array(origin[kept], pa.string()),
        ],
        schema=ATTRIBUTES,
    )


def replace_understood(
    con: duckdb.DuckDBPyConnection, relations: dict[str, str], publication: Publication
) -> None:
    """Put a run's portraits and attributes in the place of all that are live."""
    for name in ("user_portraits", "item_attributes"):
        con.execute(f"delete from features.{name}")
        _insert(con, name, relations[name], publication.as_of, publication)


def delete_portraits(con: duckdb.DuckDBPyConnection, users: str) -> None:
    """users: relation with their user_id."""
    is_theirs = is_among(con, users)
    with searching(con):
        con.execute(f"delete from features.user_portraits where {is_theirs}")


def insert_portraits(
    con: duckdb.DuckDBPyConnection, portraits: pa.Table, as_of: datetime, publication: Publication
) -> None:
    """Add portraits of people who have none."""
    if portraits.num_rows:
        con.register("new_portraits", portraits)
        _insert(con, "user_portraits", "new_portraits", as_of, publication)
        con.unregister("new_portraits")


def replace_attributes(
    con: duckdb.DuckDBPyConnection, attributes: pa.Table, items: str, publication: Publication
) -> None:
    """Put new labels in the place of those of some items.  items: relation with their item_id."""
    con.execute(f"delete from features.item_attributes where item_id in (select item_id from {items})")
    if attributes.num_rows:
        con.register("new_attributes", attributes)
        _insert(con, "item_attributes", "new_attributes", publication.as_of, publication)
        con.unregister("new_attributes")


def _insert(
    con: duckdb.DuckDBPyConnection, name: str, relation: str, as_of: datetime, publication: Publication
) -> None:
    known = {"as_of": as_of, "model_version": publication.model_version}
    given = [column for column in known if column in TABLES[f"features.{name}"].column_names]
    values = ", ".join(
        f"?::{'timestamp' if column == 'as_of' else 'varchar'} as {column}" for column in given
    )
    con.execute(
        f"insert into features.{name} by name select *, {values} from {relation}",
        [known[column] for column in given],
    )
