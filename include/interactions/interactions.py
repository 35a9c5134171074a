"""Single events against index spaces of users and items, the form every split is made in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.errors import DataError

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Interactions:
    """One row an event; all arrays have length n_events.

    user_idx, item_idx: int32 positions in the caller's user and item lists.
    event_at: float64 epoch seconds, UTC.
    weight: float32 event weight before any decay; negative takes interest back (a return).
    """

    user_idx: np.ndarray
    item_idx: np.ndarray
    event_at: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.user_idx)

    def where(self, keep: np.ndarray) -> Interactions:
        """The events at `keep`, a boolean mask or an index array."""
        return Interactions(self.user_idx[keep], self.item_idx[keep], self.event_at[keep], self.weight[keep])


def make_interactions(
    user_idx: np.ndarray, item_idx: np.ndarray, event_at: np.ndarray, weight: np.ndarray | None = None
) -> Interactions:
    """Cast to the types above.  Raises DataError on lengths that differ or values that are not finite."""
    if weight is None:
        weight = np.ones(len(user_idx), dtype=np.float32)
    lengths = {len(user_idx), len(item_idx), len(event_at), len(weight)}
    if len(lengths) != 1:
        raise DataError(
            f"interactions: arrays of lengths {sorted(lengths)}; expected one length for all four"
        )
    events = Interactions(
        np.asarray(user_idx, dtype=np.int32),
        np.asarray(item_idx, dtype=np.int32),
        np.asarray(event_at, dtype=np.float64),
        np.asarray(weight, dtype=np.float32),
    )
    if not (np.isfinite(events.event_at).all() and np.isfinite(events.weight).all()):
        raise DataError("interactions: event_at or weight holds NaN or infinity; filter such rows at ingest")
    return events
