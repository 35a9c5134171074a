"""What each item of a history adds to the scores of asked items, for many users at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import Histories

# 100 MB of float32.
DENSE_ITEMS = 5000


@dataclass(frozen=True)
class Contributions:
    """Parts of the scores of asked (user, item) pairs; the parts of a pair add up to its score.

    pair: int64 (n,), which of the asked pairs, rising.  item: int32 (n,), an item of that user's history.
    value: float32 (n,).  A history item that adds nothing may be left out.
    """

    pair: np.ndarray
    item: np.ndarray
    value: np.ndarray

    def strongest(self, n_pairs: int) -> np.ndarray:
        """int32 (n_pairs,): the history item that adds most, NO_ITEM where none adds anything; ties go to the
        one that comes first."""
        found = np.full(n_pairs, NO_ITEM, dtype=np.int32)
        if not len(self.pair):
            return found
        starts = np.flatnonzero(np.diff(self.pair, prepend=-1))
        greatest = np.maximum.reduceat(self.value, starts)
        lengths = np.diff(np.append(starts, len(self.pair)))
        best = np.flatnonzero((self.value == np.repeat(greatest, lengths)) & (self.value > 0))[::-1]
        found[self.pair[best]] = self.item[best]
        return found


@dataclass(frozen=True)
class UserParts:
    """Of one user: value float32 (n_pairs, n_history), what each of the history's items adds to each pair.

    pairs: which of the asked pairs.  history: int32 (n_history,).
    """

    pairs: slice
    history: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class DenseContributions:
    """As Contributions, where every item of a history adds something: told apart by user, not by part."""

    users: tuple[UserParts, ...]

    def strongest(self, n_pairs: int) -> np.ndarray:
        """As Contributions.strongest."""
        found = np.full(n_pairs, NO_ITEM, dtype=np.int32)
        for user in self.users:
            if len(user.history):
                strongest = user.history[user.value.argmax(axis=1)]
                found[user.pairs] = np.where(user.value.max(axis=1) > 0, strongest, NO_ITEM)
        return found


AnyContributions = Contributions | DenseContributions


def history_parts(histories: Histories, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(pair, position): for each asked pair every position of its user's history in ``weights.data``.

    rows: int (n_pairs,), the user of each pair.
    """
    starts, stops = histories.weights.indptr[rows], histories.weights.indptr[rows + 1]
    lengths = (stops - starts).astype(np.int64)
    pair = np.repeat(np.arange(len(rows)), lengths)
    offsets = np.cumsum(lengths) - lengths
    return pair, np.arange(len(pair)) + np.repeat(starts - offsets, lengths)


def pairs_of_users(rows: np.ndarray) -> Iterator[tuple[int, slice]]:
    """(user, its pairs) for each user; rows: int (n_pairs,), rising."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield int(rows[start]), slice(int(start), int(stop))


def matrix_contributions(
    histories: Histories,
    weights: np.ndarray,
    item_item: sp.csc_matrix | np.ndarray,
    rows: np.ndarray,
    items: np.ndarray,
) -> Contributions:
    """Parts of history @ item_item.  weights: float32, aligned with ``histories.weights.data``."""
    if isinstance(item_item, np.ndarray):
        pair, position = history_parts(histories, rows)
        history = histories.weights.indices[position]
        return Contributions(pair, history, item_item[history, items[pair]] * weights[position])
    # By the column of the asked item, which is short: a history can be long.
    users, of_pair = np.unique(rows, return_inverse=True)
    part = histories.rows(users).weights
    _, positions = history_parts(histories, users)
    part.data = weights[positions]
    starts, stops = item_item.indptr[items], item_item.indptr[items + 1]
    lengths = (stops - starts).astype(np.int64)
    pair = np.repeat(np.arange(len(items)), lengths)
    place = np.arange(len(pair)) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    neighbour = item_item.indices[place]
    value = item_item.data[place] * part.toarray()[of_pair[pair], neighbour]
    told = value != 0
    return Contributions(pair[told], neighbour[told].astype(np.int32), value[told])


def by_column(item_item: sp.csr_matrix | np.ndarray) -> sp.csc_matrix | np.ndarray:
    """The matrix as ``matrix_contributions`` reads it: dense where that takes little memory, which is ten
    times faster."""
    if isinstance(item_item, np.ndarray):
        return item_item
    return item_item.toarray() if item_item.shape[0] <= DENSE_ITEMS else item_item.tocsc()
