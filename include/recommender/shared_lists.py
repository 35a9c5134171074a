"""Lists that belong to no user: similar items and popular items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import NO_SEGMENT, Histories
from include.ranking.blend import normalise, top_k
from include.ranking.rules import open_items
from include.recommender.model import Recommender
from include.retrieval.registry import FALLBACK
from include.retrieval.source import Relation

BLOCK_ITEMS = 512
RELATIONS = tuple(relation.value for relation in Relation)
# Standard deviations above what an item's text, or its company, has with the rest of the catalogue.
ALIKE, TOGETHER = 2.0, 1.0


@dataclass(frozen=True)
class SimilarItems:
    """item_idx, similar_idx: int32; rank: int32 from 1; score: float32; relation: int8 into RELATIONS."""

    item_idx: np.ndarray
    rank: np.ndarray
    similar_idx: np.ndarray
    score: np.ndarray
    relation: np.ndarray


def similar_items(
    recommender: Recommender, k: int | None = None, items: np.ndarray | None = None
) -> SimilarItems:
    """The k nearest open items of each item (default: all): score a history of just that item.

    An item without interactions is answered by its text alone; one without either has no rows.
    """
    k = recommender.config.similar_items if k is None else k
    n_items = len(recommender.catalogue)
    items = np.arange(n_items) if items is None else np.asarray(items)
    parts = [
        _similar_block(recommender, items[at : at + BLOCK_ITEMS], k)
        for at in range(0, len(items), BLOCK_ITEMS)
    ]
    if not parts:
        empty = np.zeros(0, np.int32)
        return SimilarItems(empty, empty, empty, empty.astype(np.float32), empty.astype(np.int8))
    return SimilarItems(*(np.concatenate([part[at] for part in parts]) for at in range(5)))


def _similar_block(recommender: Recommender, items: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
    n_items, n = len(recommender.catalogue), len(items)
    histories = single_item_histories(items, n_items)
    fitted = histories.with_items(recommender.n_fitted)
    total = np.zeros((2, n, n_items), dtype=np.float32)
    for name, source in recommender.sources.items():
        if source.relation is None:
            continue
        part = normalise(source.score(histories if source.knows_new_items else fitted))
        # What knows new items must still order them alone, and never outvote what people did for the others.
        weight = source.untuned_weight if source.knows_new_items else max(recommender.weights[name], 0.05)
        place = RELATIONS.index(source.relation.value)
        total[place, :, : part.shape[1]] += np.float32(weight) * part
    score = total.sum(axis=0)
    is_open = open_items(recommender.catalogue, recommender.config.rules)
    score[:, ~is_open] = -np.inf
    score[np.arange(n), items] = -np.inf
    score[~total.any(axis=(0, 2))] = -np.inf
    columns = top_k(score, k)
    best = np.take_along_axis(score, columns, axis=1)
    rows, places = np.nonzero(np.isfinite(best) & (best > 0))
    similar = columns[rows, places]
    relation = relations_of(total)[rows, similar]
    ranks = (places + 1).astype(np.int32)
    return items[rows].astype(np.int32), ranks, similar.astype(np.int32), best[rows, places], relation


def relations_of(total: np.ndarray) -> np.ndarray:
    """int8 (n, n_items) into RELATIONS.  total: (2, n, n_items), what people did and what texts say.

    Taken together: a substitute where the texts are alike as well, a complement where they are less alike
    than the catalogue is at large; nothing of both is said where an item has no text or no company.
    """
    together, alike = normalise(total[0]), normalise(total[1])
    found = (total[1] > total[0]).astype(np.int8)
    knows_both = (total != 0).any(axis=2).all(axis=0)[:, None]
    are_together = knows_both & (together >= TOGETHER)
    found[are_together & (alike >= ALIKE)] = RELATIONS.index(Relation.SUBSTITUTE.value)
    found[are_together & (alike < 0)] = RELATIONS.index(Relation.COMPLEMENT.value)
    return found


def single_item_histories(items: np.ndarray, n_items: int) -> Histories:
    """One made-up user an item, who took just that item, just now."""
    n = len(items)
    one = sp.csr_matrix((np.ones(n, np.float32), np.asarray(items, np.int32), np.arange(n + 1)), (n, n_items))
    ages = np.zeros(n, np.float32)
    consumed = sp.csr_matrix((ages, one.indices, one.indptr), one.shape)
    return Histories(one, ages, np.ones(n, np.int32), consumed, np.full(n, NO_SEGMENT, np.int32))


def popular_items(recommender: Recommender, n: int | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Segment -> (item_idx int32, score float32), best first; `all` is always there.  Open items only."""
    n = recommender.config.popular_items if n is None else n
    scores = recommender.sources[FALLBACK].arrays()["scores"]
    is_open = open_items(recommender.catalogue, recommender.config.rules)[: scores.shape[1]]
    visible = np.where(is_open, scores, -np.inf)
    result = {}
    for segment, row in zip(("all", *recommender.segment_names), visible, strict=True):
        items = top_k(row[None, :], n)[0]
        items = items[np.isfinite(row[items])]
        result[segment] = (items.astype(np.int32), row[items].astype(np.float32))
    assert NO_ITEM not in result["all"][0]
    return result
