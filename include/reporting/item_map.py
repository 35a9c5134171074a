"""The catalogue in two dimensions, and a picture of it: items whose texts read alike lie close together.

The axes are the two directions in which the texts' vectors differ most (PCA: Pearson 1901). They have no
unit, and what differs in all the other directions is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
from markupsafe import Markup

from include.config.domain import Domain
from include.pages import render
from include.reporting.page_parts import TEMPLATES
from include.texts.embed import load_embeddings

# The most popular ones: a page of 3,000 marks has 450 KB, and more of them cover each other.
MAX_ITEMS = 3000
# More colours than eight are not told apart.
MAX_GROUPS = 8
WIDTH, HEIGHT, MARGIN = 960, 620, 14
OTHER, NONE = "other labels", "no attribute"


@dataclass(frozen=True)
class Axes:
    """mean: float64 (d,); directions: (d, 2); low, high: (2,), the extent of the items they were made of."""

    mean: np.ndarray
    directions: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """float64 (n, 2), each 0..1; what lies beyond the extent is set on its edge.  vectors: (n, d)."""
        size = np.where(self.high > self.low, self.high - self.low, 1)
        return np.clip(((vectors - self.mean) @ self.directions - self.low) / size, 0, 1)


def find_axes(vectors: np.ndarray) -> Axes:
    """vectors: float (n >= 1, d).  The same vectors give the same axes, also in their sign."""
    vectors = vectors.astype(np.float64)
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    if directions.shape[1] < 2:
        directions = np.pad(directions, ((0, 0), (0, 2 - directions.shape[1])))
    strongest = directions[np.abs(directions).argmax(axis=0), np.arange(2)]
    directions = directions * np.where(strongest < 0, -1, 1)
    placed = centred @ directions
    return Axes(mean, directions, placed.min(axis=0), placed.max(axis=0))


@dataclass(frozen=True)
class MapItem:
    """x, y: 0..1.  group: position among ItemMap.groups."""

    item_id: str
    title: str
    x: float
    y: float
    group: int


@dataclass(frozen=True)
class ItemMap:
    """items: with a text, the most popular first.  groups: labels, the commonest first, then OTHER and NONE
    where there are such items.  total: items of the catalogue.  without_text: of those that would be shown.
    """

    axes: Axes
    items: tuple[MapItem, ...]
    groups: tuple[str, ...]
    total: int
    without_text: int

    def sizes(self) -> list[int]:
        """How many items each group has."""
        return np.bincount([item.group for item in self.items], minlength=len(self.groups)).tolist()


@dataclass(frozen=True)
class Person:
    """Item -> what to say of it, for a person's marks.  had: their history; listed: in order of rank."""

    had: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, str] = field(default_factory=dict)


def read_item_map(con: duckdb.DuckDBPyConnection, domain: Domain, most: int = MAX_ITEMS) -> ItemMap | None:
    """The ``most`` popular items by their texts' vectors; None where no item has one.

    Raises ModelError where the vectors of the domain's text model differ in length.
    """
    rows = con.execute(
        "select items.item_id, coalesce(items.title, items.item_id) as title, count(*) over () as total"
        " from raw.items as items left join features.item_stats as stats using (item_id)"
        " order by stats.users desc nulls last, items.item_id limit ?",
        [most],
    ).fetchall()
    ids = [row[0] for row in rows]
    vectors = load_embeddings(con, domain, ids) if ids else None
    if vectors is None:
        return None
    has_text = np.abs(vectors).sum(axis=1) > 0
    axes = find_axes(vectors[has_text])
    shown = [row for row, has in zip(rows, has_text, strict=True) if has]
    groups, group_of = _grouped([row[0] for row in shown], _labels(con, ids))
    items = tuple(
        MapItem(item_id, title, x, y, group_of[item_id])
        for (item_id, title, _), (x, y) in zip(shown, axes.place(vectors[has_text]).tolist(), strict=True)
    )
    return ItemMap(axes, items, groups, rows[0][2], len(rows) - len(items))


def _labels(con: duckdb.DuckDBPyConnection, item_ids: Sequence[str]) -> dict[str, str]:
    """The surest label of each item; of several as sure the commonest, so that few colours say much."""
    rows = con.execute(
        "with counted as (select label, count(*) as items from features.item_attributes group by label)"
        " select attributes.item_id, arg_max(label, (attributes.confidence, counted.items, label))"
        " from features.item_attributes as attributes inner join counted using (label)"
        " where attributes.item_id in (select unnest(?::varchar[])) group by attributes.item_id",
        [list(item_ids)],
    ).fetchall()
    return dict(rows)


def _grouped(item_ids: Sequence[str], labels: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """(names of the groups, item -> position among them)."""
    counts: dict[str, int] = {}
    for item_id in item_ids:
        if label := labels.get(item_id):
            counts[label] = counts.get(label, 0) + 1
    commonest = sorted(counts, key=lambda label: (-counts[label], label))[:MAX_GROUPS]

    def name(item_id: str) -> str:
        label = labels.get(item_id)
        return NONE if not label else label if label in commonest else OTHER

    named = {item_id: name(item_id) for item_id in item_ids}
    groups = (*commonest, *(rest for rest in (OTHER, NONE) if rest in named.values()))
    return groups, {item_id: groups.index(group) for item_id, group in named.items()}


def place_items(
    con: duckdb.DuckDBPyConnection, domain: Domain, axes: Axes, item_ids: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Where items lie on a map that need not show them; one without a text is left out."""
    vectors = load_embeddings(con, domain, item_ids) if item_ids else None
    if vectors is None or vectors.shape[1] != len(axes.mean):
        return {}
    has_text = np.abs(vectors).sum(axis=1) > 0
    placed = axes.place(vectors).tolist()
    return {item_id: (x, y) for item_id, (x, y), has in zip(item_ids, placed, has_text, strict=True) if has}


def draw_map(
    item_map: ItemMap,
    person: Person | None = None,
    elsewhere: Mapping[str, tuple[float, float]] | None = None,
    item_url: str | None = None,
) -> Markup:
    """An SVG with its legend, to be set into a page.

    elsewhere: places of the person's items that the map does not show.  item_url: what an item's id is put
    after to link to it; None: no links.
    """
    person = person or Person()
    places = {item.item_id: (item.x, item.y) for item in item_map.items} | dict(elsewhere or {})
    members: list[list[tuple[str, str, str, str]]] = [[] for _ in item_map.groups]
    for item in item_map.items:
        members[item.group].append((item.item_id, item.title, *_pixels(item.x, item.y)))

    def marks(told: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
        return [
            (item_id, says, *_pixels(*places[item_id])) for item_id, says in told.items() if item_id in places
        ]

    return Markup(
        render(
            TEMPLATES / "item_map.html.j2",
            width=WIDTH,
            height=HEIGHT,
            groups=list(
                zip(item_map.groups, _classes(item_map.groups), item_map.sizes(), members, strict=True)
            ),
            had=marks(person.had),
            listed=marks(person.listed),
            item_url=item_url,
            said=_said(item_map),
        )
    )


def _said(item_map: ItemMap) -> str:
    shown, total = len(item_map.items), item_map.total
    beyond = total - shown - item_map.without_text
    parts = [f"All {total:,} items" if shown == total else f"{shown:,} of {total:,} items"]
    if beyond:
        parts.append("the most popular ones")
    if item_map.without_text:
        parts.append(f"{item_map.without_text:,} have no text and no place")
    return ", ".join(parts)


def _classes(groups: Sequence[str]) -> list[str]:
    names = {OTHER: "other", NONE: "none"}
    return [names.get(group, f"c{place}") for place, group in enumerate(groups)]


def _pixels(x: float, y: float) -> tuple[str, str]:
    """y grows upwards on paper, downwards in SVG."""
    return f"{MARGIN + x * (WIDTH - 2 * MARGIN):.0f}", f"{MARGIN + (1 - y) * (HEIGHT - 2 * MARGIN):.0f}"
