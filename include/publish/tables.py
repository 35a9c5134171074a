"""Lists as rows of the serving tables, without the columns that only the publish knows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.recommender.lists import NO_ITEM, Lists
from include.recommender.model import Recommender
from include.recommender.neighbours import RELATIONS, SimilarItems

# Columns that the publish adds to each row: see include/contracts.py.
ADDED = ("model_version", "publication_id", "generated_at")

RECOMMENDATIONS = pa.schema(
    [
        ("user_id", pa.string()),
        ("rank", pa.int32()),
        ("item_id", pa.string()),
        ("score", pa.float64()),
        ("source", pa.string()),
        ("reason", pa.string()),
    ]
)
CANDIDATES = pa.schema(
    [
        ("user_id", pa.string()),
        ("source", pa.string()),
        ("source_rank", pa.int32()),
        ("item_id", pa.string()),
        ("source_score", pa.float64()),
    ]
)


def recommendation_rows(recommender: Recommender, user_ids: np.ndarray, lists: Lists) -> pa.Table:
    """One row a user and rank; user_ids: str (n_users,), the rows of ``lists``."""
    row, place = np.nonzero(lists.item_idx != NO_ITEM)
    # Lists are filled from the left, so that the place is the rank.
    return pa.table(
        [
            pa.array(user_ids[row], pa.string()),
            pa.array((place + 1).astype(np.int32)),
            pa.array(recommender.catalogue.item_ids[lists.item_idx[row, place]], pa.string()),
            pa.array(lists.score[row, place].astype(np.float64)),
            pa.array(np.array(lists.source_names)[lists.source[row, place]], pa.string()),
            pa.array(lists.reasons[row, place], pa.string()),
        ],
        schema=RECOMMENDATIONS,
    )


def candidate_rows(recommender: Recommender, user_ids: np.ndarray, lists: Lists) -> pa.Table:
    """One row a user, source and item: what retrieval brought."""
    found = lists.candidates
    if found is None:
        return CANDIDATES.empty_table()
    return pa.table(
        [
            pa.array(user_ids[found.user_row], pa.string()),
            pa.array(np.array(lists.source_names)[found.source], pa.string()),
            pa.array(found.source_rank.astype(np.int32)),
            pa.array(recommender.catalogue.item_ids[found.item_idx], pa.string()),
            pa.array(found.source_score.astype(np.float64)),
        ],
        schema=CANDIDATES,
    )


def similar_rows(recommender: Recommender, similar: SimilarItems) -> pa.Table:
    ids = recommender.catalogue.item_ids
    return pa.table(
        {
            "item_id": pa.array(ids[similar.item_idx], pa.string()),
            "rank": pa.array(similar.rank.astype(np.int32)),
            "similar_item_id": pa.array(ids[similar.similar_idx], pa.string()),
            "score": pa.array(similar.score.astype(np.float64)),
            "relation": pa.array(np.array(RELATIONS)[similar.relation], pa.string()),
        }
    )


def popular_rows(recommender: Recommender, popular: dict[str, tuple[np.ndarray, np.ndarray]]) -> pa.Table:
    """popular: segment -> (item_idx, score), best first."""
    ids = recommender.catalogue.item_ids
    parts = [
        pa.table(
            {
                "segment": pa.array([segment] * len(items), pa.string()),
                "rank": pa.array(np.arange(1, len(items) + 1, dtype=np.int32)),
                "item_id": pa.array(ids[items], pa.string()),
                "score": pa.array(scores.astype(np.float64)),
            }
        )
        for segment, (items, scores) in popular.items()
    ]
    return pa.concat_tables(parts)
