"""Lists as rows of the serving tables, without the columns that only the publish knows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.interactions.catalogue import NO_ITEM
from include.recommender.lists import Lists
from include.recommender.model import Recommender
from include.recommender.shared_lists import RELATIONS, SimilarItems

# Columns that the publish adds to each row: see include/contracts.py.
ADDED = ("model_version", "publication_id", "generated_at")

# Ids are repeated many times over: told once each, a thousand lists are made in a tenth of the time.
_WORDS = pa.dictionary(pa.int32(), pa.string())
RECOMMENDATIONS = pa.schema(
    [
        ("user_id", _WORDS),
        ("rank", pa.int32()),
        ("item_id", _WORDS),
        ("score", pa.float64()),
        ("source", _WORDS),
        ("reason", _WORDS),
        ("share", pa.float32()),
    ]
)
CANDIDATE_LISTS = pa.schema(
    [
        ("user_id", _WORDS),
        ("source", _WORDS),
        ("item_ids", pa.list_(_WORDS)),
        ("source_scores", pa.list_(pa.float32())),
    ]
)


def recommendation_rows(recommender: Recommender, user_ids: np.ndarray, lists: Lists) -> pa.Table:
    """One row a user and rank; user_ids: str (n_users,), the rows of ``lists``."""
    row, place = np.nonzero(lists.item_idx != NO_ITEM)
    # Lists are filled from the left, so that the place is the rank.
    return pa.table(
        [
            _words(row, user_ids),
            pa.array((place + 1).astype(np.int32)),
            _words(lists.item_idx[row, place], recommender.catalogue.item_ids),
            pa.array(lists.score[row, place].astype(np.float64)),
            _words(lists.source[row, place], np.array(lists.source_names)),
            pa.array(lists.reasons[row, place], pa.string()).dictionary_encode(),
            pa.array(lists.share[row, place], pa.float32()),
        ],
        schema=RECOMMENDATIONS,
    )


def candidate_rows(recommender: Recommender, user_ids: np.ndarray, lists: Lists) -> pa.Table:
    """One row a user and source: what it brought, best first."""
    found = lists.candidates
    if found is None or not len(found.item_idx):
        return CANDIDATE_LISTS.empty_table()
    # Candidates come in the order user, source, rank: a list begins where the rank is 1.
    starts = np.flatnonzero(found.source_rank == 1)
    offsets = pa.array(np.append(starts, len(found.item_idx)).astype(np.int32))
    items = _words(found.item_idx, recommender.catalogue.item_ids)
    return pa.table(
        [
            _words(found.user_row[starts], user_ids),
            _words(found.source[starts], np.array(lists.source_names)),
            pa.ListArray.from_arrays(offsets, items),
            pa.ListArray.from_arrays(offsets, pa.array(found.source_score.astype(np.float32))),
        ],
        schema=CANDIDATE_LISTS,
    )


def _words(codes: np.ndarray, words: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(words, pa.string()))


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
