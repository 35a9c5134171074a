"""What every retrieval source offers, and how one says that it cannot run."""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from include.errors import DataError
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import AnyContributions


class SourceUnavailable(DataError):
    """The data has nothing this source could learn from; it is left out and the report says why."""


class Relation(Enum):
    """How two items belong together, as serving.similar_items tells it.

    A source states one of the first two; the others follow from both.
    """

    TOGETHER = "taken together"
    SIMILAR = "similar text"
    SUBSTITUTE = "substitute"
    COMPLEMENT = "complement"


class Source(Protocol):
    """A way to score every item for each user of a block, from nothing but the users' histories.

    What the rest of the pipeline must know of a source, the source says itself:

    params_type: its settings, a frozen dataclass whose defaults are usable.  params: as fitted.
    reason_with_evidence, reason_without: why an item is listed, for a person, with and without an item of the
        history that carried the score; {verb} is the domain's word for what people do, {title} that item.
        None where the score has no such parts.
    untuned_weight: in the blend, >= 0, where nobody can be judged by.
    relation: what its neighbours of a single item are to that item; None: it has none to tell.
    speaks_of_sessions: whether it says what goes with the items of a session.
    knows_new_items: whether it scores items of the catalogue that were not there when it was fitted; it then
        has `over(catalogue) -> Self`, itself over a catalogue that begins with the items of the fit.
    is_cubic: whether a fit takes O(items^3), so that large catalogues try less.
    is_personal: whether it tells people apart by their histories; a domain may have no such source.
    grid: settings that a first nightly tries.  wide_grid: what tune_models tries besides, far apart.
    """

    name: ClassVar[str]
    params_type: ClassVar[type]
    reason_with_evidence: ClassVar[str | None]
    reason_without: ClassVar[str]
    untuned_weight: ClassVar[float]
    relation: ClassVar[Relation | None]
    speaks_of_sessions: ClassVar[bool]
    knows_new_items: ClassVar[bool]
    is_cubic: ClassVar[bool]
    is_personal: ClassVar[bool]
    grid: ClassVar[tuple[Any, ...]]
    wide_grid: ClassVar[tuple[Any, ...]]

    @property
    def params(self) -> Any: ...

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
