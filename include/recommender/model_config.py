"""The part of a domain file that the recommender reads, checked at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import Any, get_args, get_type_hints

from include.config.consumed import Consumed
from include.config.domain import Domain
from include.config.reader import Keys
from include.errors import ConfigError
from include.ranking.diversity import Diversity
from include.ranking.rules import Rules
from include.retrieval.registry import SOURCES

# Candidates beyond 100 a source moved nDCG@10 by less than 0.001 on both example domains.
DEFAULT_SOURCE_SIZE = 100


@dataclass(frozen=True)
class Tuning:
    """How the first nightly, and tune_models, search on the inner split of the training data."""

    enabled: bool = True
    holdout_share: float = 0.2  # newest share of events that judges; less leaves too few users to judge by
    max_users: int = 1000  # judged users: nDCG@10 is known to about ±0.015 then, more costs only time


@dataclass(frozen=True)
class ModelConfig:
    """sources: names in include/retrieval/registry.py; params: name -> params that the domain file fixes.

    newcomers: thin bounds what accounts of the last days may teach about an item; all hears them out.
    source_size: candidates a source brings for each user.  candidates: kept of their union for ranking.
    ranking: auto takes the learned ranker only where it beats the blend on the inner split.
    reason_verb: what a person did to an item, for "because you liked Alien".
    """

    sources: tuple[str, ...] = tuple(SOURCES)
    params: dict[str, Any] = field(default_factory=dict)
    newcomers: str = "thin"
    source_size: int = DEFAULT_SOURCE_SIZE
    candidates: int = 120
    ranking: str = "auto"
    reason_verb: str = "liked"
    consumed: Consumed = Consumed()
    list_size: int = 50
    diversity: Diversity = Diversity()
    rules: Rules = Rules()
    tuning: Tuning = Tuning()
    cold_discount: float = 0.5  # a text neighbour's score is a guess: counts half of an observed one
    cold_neighbours: int = 10
    similar_items: int = 20
    popular_items: int = 100


def model_config(domain: Domain) -> ModelConfig:
    """The part of the domain file that the recommender reads.  Raises ConfigError."""
    read = model_config_from_mapping(domain.model, domain.file.name)
    return replace(read, consumed=domain.consumed, list_size=domain.list_size)


def model_config_from_mapping(mapping: Mapping[str, Any], where: str = "") -> ModelConfig:
    """ModelConfig from the domain file's sections of MODEL_KEYS; consumed and list_size are the domain's own.

    Raises ConfigError(key, value, expected).
    """
    keys = Keys(mapping, where=where)
    default = ModelConfig()
    retrieval = keys.section("retrieval")
    names = retrieval.texts("sources", default.sources)
    for name in names:
        if name not in SOURCES:
            raise ConfigError("retrieval.sources", name, "names out of " + ", ".join(SOURCES), where)
    params = {name: _params(retrieval, name) for name in SOURCES if name in retrieval}
    source_size = retrieval.integer("size", default.source_size, least=1, most=10_000)
    ranking = keys.section("ranking")
    cold = keys.section("cold_start")
    config = ModelConfig(
        sources=names,
        params=params,
        newcomers=retrieval.choice("newcomers", ("thin", "all"), default.newcomers),
        source_size=source_size,
        candidates=ranking.integer("candidates", default.candidates, least=1, most=10_000),
        ranking=ranking.choice("method", ("auto", "blend", "learned"), default.ranking),
        reason_verb=ranking.text("reason_verb", default.reason_verb),
        diversity=_diversity(keys.section("diversity")),
        rules=_rules(keys.section("rules")),
        tuning=_tuning(keys.section("tuning")),
        cold_discount=cold.number("discount", default.cold_discount, least=0, most=1),
        cold_neighbours=cold.integer("neighbours", default.cold_neighbours, least=1, most=1000),
        similar_items=retrieval.integer("similar_items", default.similar_items, least=1, most=1000),
        popular_items=retrieval.integer("popular_items", default.popular_items, least=1, most=10_000),
    )
    for section in (retrieval, ranking, cold, keys):
        section.done()
    return config


def _params(retrieval: Keys, name: str) -> Any:
    """The source's params dataclass with the given fields replaced."""
    params_type = SOURCES[name].params_type
    if retrieval.is_null(name):
        raise retrieval.fail(name, "a mapping of its settings; leave the key out to have them searched")
    section = retrieval.section(name)
    default = params_type()
    given: dict[str, Any] = {}
    types = get_type_hints(params_type)
    for entry in fields(params_type):
        current = getattr(default, entry.name)
        if section.is_null(entry.name) and NoneType in get_args(types[entry.name]):
            section.get(entry.name)
            given[entry.name] = None  # no decay, as the params class says
        elif entry.name not in section:
            section.get(entry.name)
        elif isinstance(current, str):
            given[entry.name] = section.choice(entry.name, ("bm25", "cosine"))
        elif isinstance(current, int):
            given[entry.name] = section.integer(entry.name, least=1)
        else:
            given[entry.name] = section.number(entry.name, least=0)
    section.done()
    return params_type(**given)


def _diversity(section: Keys) -> Diversity:
    cap = section.integer("max_per_category", 0, least=0)
    diversity = Diversity(
        strength=section.number("strength", Diversity().strength, least=0, most=1),
        by=section.choice("by", ("auto", "text", "category"), "auto"),
        max_per_category=cap or None,
        reach=None if section.get("reach") in (None, "auto") else section.number("reach", least=0, most=1),
    )
    section.done()
    return diversity


def _rules(section: Keys) -> Rules:
    def factors(key: str) -> dict[str, float]:
        inner = section.section(key)
        return {name: inner.number(name, least=0.01, most=100) for name in section.mapping(key)}

    rules = Rules(
        block_items=section.texts("block_items"),
        block_categories=section.texts("block_categories"),
        boost_items=factors("boost_items"),
        boost_categories=factors("boost_categories"),
    )
    section.done()
    return rules


def _tuning(section: Keys) -> Tuning:
    enabled = section.choice("search", ("auto", "off"), "auto") == "auto"
    tuning = Tuning(
        enabled=enabled,
        holdout_share=section.number("holdout_share", Tuning().holdout_share, least=0.01, most=0.5),
        max_users=section.integer("max_users", Tuning().max_users, least=50),
    )
    section.done()
    return tuning
