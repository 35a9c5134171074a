"""A fitted recommender: sources, how they are blended, and what it was fitted on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from include.errors import ModelError
from include.interactions.catalogue import Catalogue, align_catalogue
from include.interactions.labels import Labels
from include.ranking.ranker import Ranker
from include.ranking.ranking_features import ItemStatistics
from include.recommender.cold_items import ColdItems, find_cold_items
from include.recommender.model_config import ModelConfig
from include.retrieval.item_vectors import ItemVectors
from include.retrieval.source import Source
from include.retrieval.text import Text, unit_rows
from include.understanding.attribute_model import AttributeModel


@dataclass(frozen=True)
class FitReport:
    """What the fit did, for the report and ops.model_versions.

    left_out: source -> why it could not run.  params: source -> params used.
    validation: what was tried -> nDCG@10 on the inner split (empty without a search).
    seconds: step -> seconds.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recommender:
    """catalogue: column order of every history it scores; its first n_fitted items are those of the fit.

    weights: source name -> weight >= 0 on the source's normalised score.
    ranker: re-orders the blend's best candidates; None where it did not beat the blend.
    reach: how far unseen items may be lifted, 0..1; lifts: float32 (n_fitted,), what that came to for each
    item, below 0 for one that led too many lists (include/ranking/reach.py); None: no item is lifted.
    attributes: which labels there are and how a text tells them; None: a model of before there were any.
    labels: of the catalogue's items, found by `with_catalogue`.  cold: its items without events, likewise.
    """

    catalogue: Catalogue
    n_fitted: int
    config: ModelConfig
    sources: dict[str, Source]
    weights: dict[str, float]
    statistics: ItemStatistics
    segment_names: tuple[str, ...]
    report: FitReport
    ranker: Ranker | None = None
    reach: float = 0.0
    lifts: np.ndarray | None = None
    attributes: AttributeModel | None = None
    labels: Labels | None = None
    cold: ColdItems | None = None

    @property
    def texts(self) -> Text | None:
        """The source that knows the items' texts; None where it was left out."""
        found = self.sources.get(Text.name)
        return found if isinstance(found, Text) else None

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(self.sources)

    @property
    def fitted_item_ids(self) -> np.ndarray:
        return self.catalogue.item_ids[: self.n_fitted]

    def with_catalogue(self, catalogue: Catalogue) -> Recommender:
        """The same model over today's catalogue: ended items leave, new items come in by their text.

        Histories must be built against `.catalogue` of the result (use its `index_of`).
        Raises ModelError where no id matches, or the embeddings have another dimension.
        """
        aligned = align_catalogue(self.fitted_item_ids, catalogue)
        text = self.texts
        if text is not None and aligned.embeddings is not None:
            size = aligned.embeddings.shape[1]
            if size != text.embeddings.shape[1]:
                raise ModelError(
                    f"model: item embeddings have {size} dimensions; it was fitted on "
                    f"{text.embeddings.shape[1]}; train again after changing the text model"
                )
        sources = {
            name: source.over(aligned) if hasattr(source, "over") else source
            for name, source in self.sources.items()
        }
        if text is not None and aligned.embeddings is None:
            aligned = replace(aligned, embeddings=_padded(text.embeddings, len(aligned)))
        current = replace(self, catalogue=aligned, sources=sources)
        return replace(current.with_cold_items(), labels=current.find_labels())

    def with_cold_items(self) -> Recommender:
        """The same model, which knows what items without events borrow, by their texts and landed vectors."""
        n_users = _padded(self.statistics.n_users, len(self.catalogue))
        contents = [self.sources[name] for name in (Text.name, ItemVectors.name) if name in self.sources]
        rows = [_padded(part.embeddings, len(self.catalogue)) for part in contents if isinstance(part, Text)]
        vectors = unit_rows(np.hstack(rows)) if rows else None
        return replace(self, cold=find_cold_items(vectors, n_users, self.config.cold_neighbours))

    def find_labels(self) -> Labels | None:
        """Labels of every item of the catalogue; None where the model knows of no attributes."""
        if self.attributes is None:
            return None
        vectors = None if self.texts is None else _padded(self.texts.embeddings, len(self.catalogue))
        return self.attributes.label_items(self.catalogue, vectors)

    def with_config(self, config: ModelConfig) -> Recommender:
        """Other rules, sizes or diversity on the same fitted sources."""
        return replace(self, config=config)


def _padded(rows: np.ndarray, n_rows: int) -> np.ndarray:
    return np.concatenate((rows, np.zeros((n_rows - len(rows), *rows.shape[1:]), rows.dtype)))
