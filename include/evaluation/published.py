"""The health of a whole published set: every user's list, not only those of users who can judge."""

from __future__ import annotations

import numpy as np

from include.evaluation.evaluate import list_health
from include.evaluation.metrics.coverage import coverage
from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import Histories
from include.ranking.blend import top_k
from include.ranking.first_places import K
from include.ranking.rules import allowed_items, open_items
from include.recommender.model import Recommender
from include.retrieval.registry import FALLBACK
from include.threads import in_threads

BLOCK_USERS = 1024


def published_health(items: np.ndarray, recommender: Recommender, histories: Histories) -> dict[str, float]:
    """Figures of `list_health`, and coverage as a multiple of what popularity would show the same users.

    items: int (n_users, K), every user's list in the recommender's catalogue, NO_ITEM where empty.
    """
    n_items = len(recommender.catalogue)
    n_users_of_item = np.pad(recommender.statistics.n_users, (0, n_items - recommender.n_fitted))
    figures = list_health(
        items, n_items, n_users_of_item, histories.n_users, recommender.catalogue.embeddings, K
    )
    popular = coverage(popular_lists(recommender, histories), n_items)
    figures[f"coverage_of_popularity@{K}"] = popular
    if popular > 0:
        figures[f"coverage_vs_popularity@{K}"] = figures[f"coverage@{K}"] / popular
    return figures


def popular_lists(recommender: Recommender, histories: Histories) -> np.ndarray:
    """int (n_users, <= K): what each user would get from popularity alone, under the same rules."""
    is_open = open_items(recommender.catalogue, recommender.config.rules)
    source = recommender.sources[FALLBACK]
    spare = ((0, 0), (0, len(is_open) - recommender.n_fitted))

    def work(start: int) -> np.ndarray:
        block = histories.block(start, min(start + BLOCK_USERS, histories.n_users))
        scores = np.pad(source.score(block.with_items(recommender.n_fitted)), spare)
        visible = np.where(allowed_items(block, is_open, recommender.config.consumed), scores, -np.inf)
        best = top_k(visible, K)
        return np.where(np.isfinite(np.take_along_axis(visible, best, axis=1)), best, NO_ITEM)

    return np.concatenate(list(in_threads(work, range(0, max(histories.n_users, 1), BLOCK_USERS))))
