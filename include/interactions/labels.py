"""What items are said to be, in words: a genre, a brand, a topic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Labels:
    """attribute: str (n_labels,), what the label is of, as category; name: str (n_labels,), the label itself,
    given once whatever its case; of: CSR float32 (n_items, n_labels), how sure it is, above 0 to 1."""

    attribute: np.ndarray
    name: np.ndarray
    of: sp.csr_matrix

    def __len__(self) -> int:
        return len(self.name)

    def taken(self, items: np.ndarray) -> Labels:
        """The rows of ``items``, in their order; an empty row for an index below 0."""
        if not self.of.shape[0]:
            return Labels(self.attribute, self.name, sp.csr_matrix((len(items), len(self)), dtype=np.float32))
        rows = self.of[np.maximum(items, 0)]
        is_there = sp.diags_array((np.asarray(items) >= 0).astype(np.float32))
        kept = sp.csr_matrix(is_there @ rows)
        kept.eliminate_zeros()
        return Labels(self.attribute, self.name, kept)
