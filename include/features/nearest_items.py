"""Item neighbours by shared users, for one block of items: the function that Spark runs on its executors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

# Pairs counted at a time: 4 M of them take some 100 MB while they are ranked.
MAX_PAIRS = 4_000_000


def nearest_items(group: pa.Table, *, neighbours: int, shrink: float, blocks: int) -> pa.Table:
    """The neighbours of the items of one block, best first by similarity, then by number.

    group: columns block, one value, and basket, a list of {item, users} a user: all of what the user likes
        and how many users like each of those in all. A user is there once.
    Returns item, neighbour, users (who like both), similarity of the items with item % blocks == block.
    """
    baskets = group.column("basket").combine_chunks()
    entries = baskets.flatten()
    item = entries.field("item").to_numpy(zero_copy_only=False)
    lengths = baskets.value_lengths().to_numpy(zero_copy_only=False)
    n_items = int(item.max()) + 1
    popularity = np.zeros(n_items, np.float64)
    popularity[item] = entries.field("users").to_numpy(zero_copy_only=False)
    indptr = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    likes = sp.csr_matrix((np.ones(len(item), np.int32), item, indptr), (len(baskets), n_items))
    own = np.unique(item[item % blocks == group.column("block")[0].as_py()])
    users_of_own = likes.T.tocsr()[own]
    parts = [
        _rank(own[rows], sp.csr_matrix(users_of_own[rows] @ likes), popularity, neighbours, shrink)
        for rows in _slices(users_of_own, lengths)
    ]
    return pa.table(
        {
            "item": pa.array(np.concatenate([part[0] for part in parts]), pa.int32()),
            "neighbour": pa.array(np.concatenate([part[1] for part in parts]), pa.int32()),
            "users": pa.array(np.concatenate([part[2] for part in parts]), pa.int64()),
            "similarity": pa.array(np.concatenate([part[3] for part in parts]), pa.float64()),
        }
    )


def _slices(users_of_own: sp.csr_matrix, lengths: np.ndarray) -> list[slice]:
    """Rows whose products hold at most MAX_PAIRS entries together, a row at least."""
    n_rows, n_users = users_of_own.shape
    # An item has no more pairs than its users have items.
    pairs = np.cumsum(users_of_own @ lengths.astype(np.int64))
    cuts = np.searchsorted(pairs, np.arange(MAX_PAIRS, pairs[-1], MAX_PAIRS), side="right")
    edges = np.unique(np.concatenate(([0], cuts, [n_rows])))
    return [slice(low, high) for low, high in zip(edges[:-1], edges[1:], strict=True)]


def _rank(
    items: np.ndarray, together: sp.csr_matrix, popularity: np.ndarray, neighbours: int, shrink: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """together: (len(items), n_items), users who like both.  Returns item, neighbour, users, similarity."""
    row = np.repeat(np.arange(len(items)), np.diff(together.indptr))
    other = together.indices
    is_pair = items[row] != other
    row, other, users = row[is_pair], other[is_pair], together.data[is_pair].astype(np.int64)
    similarity = users / np.sqrt(popularity[items[row]] * popularity[other]) * (users / (users + shrink))
    kept = _at_least_the_kth(row, similarity, len(items), neighbours)
    row, other, users, similarity = row[kept], other[kept], users[kept], similarity[kept]
    order = np.lexsort((other, -similarity, row))
    starts = np.searchsorted(row[order], np.arange(len(items)))
    best = order[np.arange(len(order)) - starts[row[order]] < neighbours]
    return items[row[best]], other[best], users[best], similarity[best]


def _at_least_the_kth(row: np.ndarray, value: np.ndarray, n_rows: int, k: int) -> np.ndarray:
    """Mask of the entries that reach their row's k-th largest value; row is sorted."""
    edges = np.searchsorted(row, np.arange(n_rows + 1))
    limit = np.full(n_rows, -np.inf)
    for long in np.flatnonzero(np.diff(edges) > k):
        values = value[edges[long] : edges[long + 1]]
        limit[long] = np.partition(values, len(values) - k)[len(values) - k]
    return value >= limit[row]
