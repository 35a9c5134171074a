"""How items belong together, as somebody who knows says: series, author, accessory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ItemRelations:
    """n relations, each between two different items of a catalogue.

    names: str (n_names,).  item, other: int32 (n,), indices.  name: int32 (n,) into names.
    weight: float32 (n,), above 0.
    """

    names: np.ndarray
    item: np.ndarray
    other: np.ndarray
    name: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.item)

    def moved(self, place: np.ndarray) -> ItemRelations:
        """The same relations in another order of items.  place: int (n_items,), each item's new index."""
        return ItemRelations(
            self.names,
            place[self.item].astype(np.int32),
            place[self.other].astype(np.int32),
            self.name,
            self.weight,
        )
