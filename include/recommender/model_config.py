"""The part of a domain file that the recommender reads, checked at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from include.config.consumed import Consumed
from include.config.domain import Domain
from include.config.section import (
    EXPECTS,
    AtLeastOne,
    Number,
    Share,
    Text,
    Texts,
    Whole,
    expects,
    read_section,
    section,
    unlike,
    values,
)
from include.config.segment_words import DEFAULT_WORDS
from include.errors import ConfigError
from include.ranking.diversity import Diversity
from include.ranking.rules import Rules
from include.retrieval.registry import SOURCES


def _is_on(value: object) -> object:
    return {"auto": True, "off": False}.get(value, value) if isinstance(value, str) else value


def _relation_words(value: object) -> object:
    if not isinstance(value, dict) or not all("{title}" in str(words) for words in value.values()):
        raise unlike("a mapping of relations to texts with {title} in them")
    return {str(name): str(words) for name, words in value.items()}


RelationWords = Annotated[
    dict[str, str],
    BeforeValidator(_relation_words),
    expects("a mapping of relations to texts with {title} in them"),
]
_SEARCH = expects("one of auto, off", type="string", enum=["auto", "off"])


@section
class Tuning:
    """How the first nightly, and tune_models, search on the inner split of the training data."""

    enabled: Annotated[bool, BeforeValidator(_is_on), Field(strict=True), _SEARCH] = Field(
        default=True, validation_alias="search"
    )
    """auto: the first nightly and tune_models search for settings, weights and ranker; off: the defaults."""

    holdout_share: Annotated[Number, Field(ge=0.01, le=0.5)] = 0.2
    """Newest share of the training events that judges; less leaves too few users to judge by."""

    max_users: Annotated[Whole, Field(ge=50)] = 1000
    """Judged users: nDCG@10 is known to about ±0.015 then, more costs only time."""


@section
class Ranking:
    """How the sources' candidates become one list."""

    method: Literal["auto", "blend", "learned"] = "auto"
    """auto takes the learned ranker only where it beats the blend on the inner split."""

    candidates: Annotated[AtLeastOne, Field(le=10_000)] = 120
    """Candidates kept of the union of the sources'."""

    reason_verb: Text = "liked"
    """What a person did to an item, as reasons say it: because you liked Alien."""

    relation_words: RelationWords = Field(default_factory=dict)
    """Relation that lands -> how reasons say it of {title}, as `series: another part of {title}`; same
    series as {title} where nothing is given."""


@section
class ColdStart:
    """Items that the model was not fitted with."""

    discount: Share = 1.0
    """Factor on what the nearest texts lend an item without events; what they say is already drawn to 0 where
    they are not near."""

    neighbours: Annotated[AtLeastOne, Field(le=1000)] = 50
    """Items with the nearest texts, from which a new item borrows."""


@values
class RetrievalKeys:
    """What a source may be asked for, beside the settings of each source under its name."""

    sources: Texts = ()
    """Sources to fit; all by default. The search gives those that do not help a weight of 0."""

    size: Annotated[AtLeastOne, Field(le=10_000)] = 100
    """Candidates that a source brings for each user; beyond 100 nDCG@10 moved by less than 0.001 on both
    example domains."""

    newcomers: Literal["thin", "all"] = "thin"
    """thin bounds what accounts of the last days may teach about an item, against pushed items; all hears
    them out (models.md)."""

    similar_items: Annotated[AtLeastOne, Field(le=1000)] = 20
    """Rows of serving.similar_items an item."""

    popular_items: Annotated[AtLeastOne, Field(le=10_000)] = 100
    """Rows of serving.popular_items a segment."""


@dataclass(frozen=True)
class ModelConfig:
    """The domain file's sections for the recommender, flat; defaults and meaning are those of the sections.

    sources: names in include/retrieval/registry.py; params: name -> params that the domain file fixes.
    """

    sources: tuple[str, ...] = tuple(SOURCES)
    params: dict[str, Any] = field(default_factory=dict)
    newcomers: str = RetrievalKeys().newcomers
    source_size: int = RetrievalKeys().size
    candidates: int = Ranking().candidates
    ranking: str = Ranking().method
    reason_verb: str = Ranking().reason_verb
    relation_words: dict[str, str] = field(default_factory=dict)
    consumed: Consumed = Consumed()
    list_size: int = 50
    diversity: Diversity = Diversity()
    rules: Rules = Rules()
    tuning: Tuning = Tuning()
    cold_discount: float = ColdStart().discount
    cold_neighbours: int = ColdStart().neighbours
    similar_items: int = RetrievalKeys().similar_items
    popular_items: int = RetrievalKeys().popular_items
    segment_words: str = DEFAULT_WORDS


def model_config(domain: Domain) -> ModelConfig:
    """The part of the domain file that the recommender reads.  Raises ConfigError."""
    read = model_config_from_mapping(domain.model, domain.file.name)
    return replace(
        read,
        consumed=domain.consumed,
        list_size=domain.list_size,
        segment_words=domain.segment_words,
    )


def model_config_from_mapping(mapping: Mapping[str, Any], where: str = "") -> ModelConfig:
    """ModelConfig from the domain file's sections of MODEL_KEYS; consumed and list_size are the domain's own.

    Raises ConfigError(key, value, expected).
    """
    read: Any = read_section(model_section(), mapping, where)
    retrieval = read.retrieval
    for name in retrieval.sources:
        if name not in SOURCES:
            raise ConfigError("retrieval.sources", name, "names out of " + ", ".join(SOURCES), where)
    given = {name: getattr(retrieval, name) for name in SOURCES}
    return ModelConfig(
        sources=retrieval.sources or tuple(SOURCES),
        params={name: params for name, params in given.items() if params is not None},
        newcomers=retrieval.newcomers,
        source_size=retrieval.size,
        candidates=read.ranking.candidates,
        ranking=read.ranking.method,
        reason_verb=read.ranking.reason_verb,
        relation_words=read.ranking.relation_words,
        diversity=read.diversity,
        rules=read.rules,
        tuning=read.tuning,
        cold_discount=read.cold_start.discount,
        cold_neighbours=read.cold_start.neighbours,
        similar_items=retrieval.similar_items,
        popular_items=retrieval.popular_items,
    )


def model_section() -> type[Any]:
    """The sections for the recommender, with one for the settings of each registered source."""
    return _model_section(tuple((name, source.params_type) for name, source in SOURCES.items()))


@cache
def _model_section(sources: tuple[tuple[str, type[Any]], ...]) -> type[Any]:
    settings = {name: (params_type, _fixed(name)) for name, params_type in sources}
    retrieval = _section_of("Retrieval", settings, RetrievalKeys)
    parts = {
        "retrieval": retrieval,
        "ranking": Ranking,
        "diversity": Diversity,
        "rules": Rules,
        "cold_start": ColdStart,
        "tuning": Tuning,
    }
    return _section_of("Model", {name: (part, Field(default_factory=part)) for name, part in parts.items()})


def _section_of(name: str, fields: Mapping[str, tuple[type[Any], Any]], *bases: type[Any]) -> type[Any]:
    """A section whose fields are known only at run time.  fields: name -> (type, default)."""
    body = {field: default for field, (_, default) in fields.items()}
    annotations = {field: kind for field, (kind, _) in fields.items()}
    said = {"__doc__": bases[0].__doc__} if bases else {}
    return section(
        type(name, bases, {"__module__": __name__, "__annotations__": annotations, **said, **body})
    )


def _fixed(source: str) -> Any:
    """A source's settings: not given unless the file fixes them."""
    expected = "a mapping of its settings; leave the key out to have them searched"
    return Field(
        default=None,
        description=f"Settings of `{source}`, which then are not searched.",
        json_schema_extra={EXPECTS: expected},
    )
