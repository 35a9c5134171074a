"""What a recommendation is made of, as arrays over a block of users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Candidates:
    """What each source brought, one row a (user, source, item), in the order user, source, rank.

    user_row: int32, row of the histories.  source: int8, position in Lists.source_names.
    source_rank: int32 from 1.  item_idx: int32.  source_score: float32, the source's own unit.
    """

    user_row: np.ndarray
    source: np.ndarray
    source_rank: np.ndarray
    item_idx: np.ndarray
    source_score: np.ndarray


@dataclass(frozen=True)
class Lists:
    """Ranked lists, best first.

    item_idx: int32 (n_users, n); NO_ITEM only where fewer than n items are allowed at all.
    score:    float32 (n_users, n), falling along a row; 0 at NO_ITEM.
    source:   int8 (n_users, n), position in source_names of the source that spoke loudest for the item.
    evidence: int32 (n_users, n), the history item that carried it, NO_ITEM where none did.
    share:    float32 (n_users, n), the source's part of the item's blended score, 0..1.
    reasons:  str objects (n_users, n), words for a person; "" at NO_ITEM.
    """

    item_idx: np.ndarray
    score: np.ndarray
    source: np.ndarray
    evidence: np.ndarray
    share: np.ndarray
    reasons: np.ndarray
    source_names: tuple[str, ...]
    candidates: Candidates | None = None


def concatenate_lists(parts: list[Lists]) -> Lists:
    """One Lists of all rows, in order; candidates' user_row counts on."""
    first = parts[0]
    if len(parts) == 1:
        return first
    starts = np.cumsum([0] + [len(part.item_idx) for part in parts[:-1]])
    candidates = None
    if first.candidates is not None:
        held = [
            (start, part.candidates) for start, part in zip(starts, parts, strict=True) if part.candidates
        ]
        candidates = Candidates(
            np.concatenate([(start + part.user_row).astype(np.int32) for start, part in held]),
            np.concatenate([part.source for _, part in held]),
            np.concatenate([part.source_rank for _, part in held]),
            np.concatenate([part.item_idx for _, part in held]),
            np.concatenate([part.source_score for _, part in held]),
        )

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Lists(
        joined("item_idx"),
        joined("score"),
        joined("source"),
        joined("evidence"),
        joined("share"),
        joined("reasons"),
        first.source_names,
        candidates,
    )
