"""The items a list may be made of, in the index order that every matrix uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from include.errors import DataError, ModelError
from include.interactions.item_relations import ItemRelations
from include.interactions.labels import Labels

NO_ITEM = -1  # stands for an item's index where there is none


@dataclass(frozen=True)
class Catalogue:
    """n_items items.

    item_ids:     str (n_items,), unique.
    titles:       str (n_items,), shown in reasons; the id stands in for a missing title.
    category:     str (n_items,) or None; "" where unknown.
    embeddings:   float32 (n_items, d) or None; a row of zeros for an item without a text.
    is_available: bool (n_items,): may be recommended at as_of.
    attributes:   name -> float32 (n_items,), NaN where missing (price, year).
    labels:       what items landed as (genre, brand), or None.
    vectors:      name -> float32 (n_items, d), landed vectors of pictures, sound …; a row of zeros: none.
    relations:    how items belong together, as landed, or None.
    told:         what a chat model says of items, in the words of the taxonomy, or None.
    """

    item_ids: np.ndarray
    titles: np.ndarray
    category: np.ndarray | None
    embeddings: np.ndarray | None
    is_available: np.ndarray
    attributes: dict[str, np.ndarray]
    labels: Labels | None = None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    relations: ItemRelations | None = None
    told: Labels | None = None

    def __len__(self) -> int:
        return len(self.item_ids)

    def index_of(self, item_ids: np.ndarray) -> np.ndarray:
        """int64 position of each id, -1 where it is not in the catalogue."""
        order = np.argsort(self.item_ids, kind="stable")
        item_ids = np.asarray(item_ids)
        if not len(order):
            return np.full(len(item_ids), -1, np.int64)
        found = np.minimum(np.searchsorted(self.item_ids, item_ids, sorter=order), len(order) - 1)
        position = order[found]
        return np.where(self.item_ids[position] == item_ids, position, -1)

    def categories(self) -> tuple[np.ndarray, np.ndarray]:
        """(names str (n_categories,), codes int32 (n_items,)); code -1 where there is no category."""
        if self.category is None:
            return np.array([], dtype=str), np.full(len(self), -1, np.int32)
        names, codes = np.unique(self.category, return_inverse=True)
        if len(names) and names[0] == "":
            return names[1:], codes.astype(np.int32) - 1
        return names, codes.astype(np.int32)


def make_catalogue(
    item_ids: np.ndarray,
    *,
    titles: np.ndarray | None = None,
    category: np.ndarray | None = None,
    embeddings: np.ndarray | None = None,
    is_available: np.ndarray | None = None,
    attributes: dict[str, np.ndarray] | None = None,
    labels: Labels | None = None,
    vectors: Mapping[str, np.ndarray] | None = None,
    relations: ItemRelations | None = None,
) -> Catalogue:
    """Check and cast.  Raises DataError on an id given twice, lengths that differ, embeddings not finite."""
    item_ids = np.asarray(item_ids, dtype=str)
    n_items = len(item_ids)
    if len(np.unique(item_ids)) != n_items:
        raise DataError("catalogue: an item_id is given twice; keep the row with the newest updated_at")
    columns = {"titles": titles, "category": category, "embeddings": embeddings, "is_available": is_available}
    columns.update(attributes or {})
    columns.update(vectors or {})
    for name, column in columns.items():
        if column is not None and len(column) != n_items:
            raise DataError(
                f"catalogue: {name} has {len(column)} rows; expected {n_items}, one for each item_id"
            )
    if embeddings is not None and not np.isfinite(embeddings).all():
        raise DataError("catalogue: embeddings hold NaN or infinity; embed those texts again")
    shown = item_ids if titles is None else np.asarray(titles, dtype=str)
    return Catalogue(
        item_ids,
        np.where(shown == "", item_ids, shown),
        None if category is None else np.asarray(category, dtype=str),
        None if embeddings is None else np.ascontiguousarray(embeddings, dtype=np.float32),
        np.ones(n_items, bool) if is_available is None else np.asarray(is_available, dtype=bool),
        {name: np.asarray(column, dtype=np.float32) for name, column in (attributes or {}).items()},
        labels,
        dict(vectors or {}),
        relations,
    )


def align_catalogue(model_item_ids: np.ndarray, catalogue: Catalogue) -> Catalogue:
    """`catalogue` in the model's order: its items first, items it has not seen after them.

    An item that the catalogue no longer holds keeps its place and is not available.
    Raises ModelError where the two share no id at all: the model belongs to other data.
    """
    known = catalogue.index_of(model_item_ids)
    if len(model_item_ids) and len(catalogue) and (known < 0).all():
        raise ModelError(
            f"model: none of its {len(model_item_ids)} item ids (first {str(model_item_ids[0])!r}) is in the "
            f"catalogue of {len(catalogue)} items (first {str(catalogue.item_ids[0])!r}); train on it first"
        )
    is_new = np.ones(len(catalogue), bool)
    is_new[known[known >= 0]] = False
    order = np.concatenate((known, np.flatnonzero(is_new)))
    is_gone = order < 0
    ids = np.concatenate((np.asarray(model_item_ids, dtype=str), catalogue.item_ids[is_new]))
    if not len(catalogue):
        return replace(make_catalogue(ids), is_available=np.zeros(len(ids), bool))

    def taken(column: np.ndarray, missing: object) -> np.ndarray:
        values = column[order].copy()
        values[is_gone] = missing
        return values

    place = np.empty(len(catalogue), np.int64)
    place[order[~is_gone]] = np.flatnonzero(~is_gone)
    return Catalogue(
        ids,
        np.where(is_gone, ids, catalogue.titles[order]),
        None if catalogue.category is None else taken(catalogue.category, ""),
        None if catalogue.embeddings is None else taken(catalogue.embeddings, 0.0),
        taken(catalogue.is_available, False),
        {name: taken(column, np.nan) for name, column in catalogue.attributes.items()},
        None if catalogue.labels is None else catalogue.labels.taken(order),
        {name: taken(rows, 0.0) for name, rows in catalogue.vectors.items()},
        None if catalogue.relations is None else catalogue.relations.moved(place),
        None if catalogue.told is None else catalogue.told.taken(order),
    )
