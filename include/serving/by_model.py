"""What a list cannot answer, from the model that made it: other items, or fewer, in a person's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from include.config.consumed import Consumed
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories
from include.publish.tables import recommendation_rows
from include.recommender.build_lists import blend, recommend_block, score_block
from include.recommender.model import Recommender
from include.recommender.reasons import explain

# item_id, score, source, reason.
Row = tuple[str, float, str, str]
# Which items of a catalogue may be answered: bool (n_items,).
Among = Callable[[Catalogue], np.ndarray]


def narrowed(model: Recommender, among: Among | None) -> Recommender:
    """The same model, for which nothing else is available."""
    if among is None:
        return model
    catalogue = model.catalogue
    is_available = catalogue.is_available & among(catalogue)
    return replace(model, catalogue=replace(catalogue, is_available=is_available))


def unrestricted(model: Recommender) -> Recommender:
    """The same model, for which nothing is consumed and nothing is blocked."""
    rules = replace(model.config.rules, block_items=(), block_categories=())
    return replace(model, config=replace(model.config, consumed=Consumed("allow"), rules=rules))


def list_items(model: Recommender, history: Histories, n: int) -> list[Row]:
    """The list of n that the model makes for one person, as a nightly would.  history: one row."""
    lists = recommend_block(model, history, n, with_candidates=False)
    found = recommendation_rows(model, np.array([""]), lists).to_pylist()
    return [(row["item_id"], row["score"], row["source"], row["reason"]) for row in found]


def rank_items(model: Recommender, history: Histories, items: np.ndarray) -> list[Row]:
    """Those of the items that are to be had, by the blend, with the reason of each.

    history: one row.  items: int (n,), positions in the catalogue, none twice.
    """
    scores = score_block(model, history)
    blended = blend(model, scores)[0]
    items = items[np.isfinite(blended[items])]
    items = items[np.argsort(-blended[items], kind="stable")]
    source, _, _, reasons = explain(model, history, scores.scaled, items[None, :])
    ids, names = model.catalogue.item_ids, model.source_names
    return [
        (str(ids[item]), float(blended[item]), names[of], reason)
        for item, of, reason in zip(items, source[0], reasons[0], strict=True)
    ]
