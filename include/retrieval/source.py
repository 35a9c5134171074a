"""What every retrieval source offers, and how one says that it cannot run."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

import numpy as np

from include.errors import DataError
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import AnyContributions


class SourceUnavailable(DataError):
    """The data has nothing this source could learn from; it is left out and the report says why."""


class Source(Protocol):
    """A way to score every item for each user of a block, from nothing but the users' histories.

    params: the source's own frozen dataclass, as fitted.
    """

    name: ClassVar[str]
    params: Any

    @classmethod
    def fit(cls, training: TrainingData, params: Any, seed: int) -> Self:
        """Learn.  Raises SourceUnavailable where the data does not carry this source."""
        ...

    def score(self, histories: Histories) -> np.ndarray:
        """float32 (histories.n_users, n_items), finite, higher is better; 0 where nothing is known."""
        ...

    def contributions(
        self, histories: Histories, rows: np.ndarray, items: np.ndarray
    ) -> AnyContributions | None:
        """How much each history item adds to the scores of the pairs (rows[i], items[i]); rows rise.
        None where the score has no such parts (popularity)."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """All state, as arrays without objects."""
        ...

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: Any) -> Self:
        """The inverse of `arrays`, given the params it was fitted with."""
        ...


def require(condition: bool, source: str, reason: str) -> None:
    """Raise SourceUnavailable with the source's name unless `condition` holds."""
    if not condition:
        raise SourceUnavailable(f"source '{source}' left out: {reason}")
