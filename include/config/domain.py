"""A domain: what the YAML file says of one kind of data, as frozen, checked values."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from include.config.consumed import Consumed, consumed_from_value
from include.config.reader import Keys
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, REQUIRED, USER_FIELDS
from include.errors import ConfigError

FIELDS = {
    "events": tuple(name for name, _, _ in EVENT_FIELDS),
    "items": tuple(name for name, _, _ in ITEM_FIELDS),
    "users": tuple(name for name, _, _ in USER_FIELDS),
}
TEXT_FIELDS = ("item_id", "title", "description", "category", "tags", "attributes")


@dataclass(frozen=True)
class RejectRule:
    """Rows for which ``when`` (SQL over the landing row's columns) holds are quarantined with ``reason``."""

    reason: str
    when: str


@dataclass(frozen=True)
class SourceConfig:
    """Where the rows of one kind land and how their columns map onto the contract.

    path: folder read instead of the landing folder; None: landing/<kind>/.
    columns: contract field -> SQL expression over the landing row's columns (all text).
        Empty: the row has the contract's own names.
    """

    kind: str
    path: Path | None
    columns: dict[str, str]
    reject: tuple[RejectRule, ...]


@dataclass(frozen=True)
class EventType:
    """weight: fixed confidence of one event; None: the event's own ``value`` is its weight."""

    name: str
    weight: float | None


@dataclass(frozen=True)
class EventsConfig:
    types: dict[str, EventType]
    half_life_days: float
    earliest: datetime
    max_future_minutes: float
    late_after_days: float


@dataclass(frozen=True)
class QualityLimits:
    """Limits of the gates. Shares are 0 to 1.

    pushed_items: warn or block, what an item does whose exposure grew more than max_exposure_growth times by
    new accounts (include/quality/exposure.py).
    """

    min_events: int
    min_users: int
    min_items: int
    max_quarantined_share: float
    max_unknown_items_share: float
    min_list_share: float
    min_users_share: float
    pushed_items: str = "warn"
    max_exposure_growth: float = 2.0


@dataclass(frozen=True)
class EvaluationConfig:
    """holdout_share: newest share of events that tests the global time split."""

    holdout_share: float
    max_users: int
    parity_users: int
    min_parity_overlap: float


@dataclass(frozen=True)
class GateConfig:
    """What a challenger must keep to be published.

    max_loss: share of the champion's nDCG@10 that it may lose where the interval cannot tell them apart.
    bounds: figure of the lists (``coverage@10``, ``gini@10`` …) -> least and most, None: no bound.
    """

    max_loss: float
    bounds: dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class RefreshConfig:
    batch_rows: int
    session_half_life_minutes: float
    session_strength: float
    kafka_topic: str | None
    kafka_servers: str | None


@dataclass(frozen=True)
class Domain:
    """One domain file.  model: the keys that the recommender reads (retrieval, ranking, diversity …)."""

    name: str
    clock: str
    sources: dict[str, SourceConfig]
    events: EventsConfig
    text: str
    text_model: str
    consumed: Consumed
    list_size: int
    segment_by: str | None
    quality: QualityLimits
    evaluation: EvaluationConfig
    gate: GateConfig
    refresh: RefreshConfig
    model: dict[str, Any]
    file: Path

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(field for _, field, _, _ in Formatter().parse(self.text) if field)


# Read by the recommender, which checks them itself: include/recommender/model_config.py.
MODEL_KEYS = ("retrieval", "ranking", "diversity", "rules", "cold_start", "tuning")
_HEALTH = (
    "coverage@10",
    "gini@10",
    "novelty@10",
    "long_tail_share@10",
    "lists_beyond_head@10",
    "mean_popularity@10",
    "intra_list_diversity@10",
)
# Before a figure's name: of every list of the staged set; without it: of the judged users' lists.
PUBLISHED = "published_"
LIST_FIGURES = (
    *_HEALTH,
    "segment_gap@10",
    *(PUBLISHED + figure for figure in _HEALTH),
    PUBLISHED + "coverage_vs_popularity@10",
)


def load_domain(path: Path) -> Domain:
    """Read and check a domain file.  Raises ConfigError naming key, value and expectation."""
    where = path.name
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("NIGHTJAR_CONFIG", str(path), "the path of an existing YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("(whole file)", str(error).replace("\n", " "), "valid YAML", where) from error
    keys = Keys(data, where=where)
    name = keys.text("domain")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
        raise keys.fail("domain", "a name of letters, digits, _ and -, at most 40")
    sources = keys.section("sources")
    domain = Domain(
        name=name,
        # The least surprising clock for data at rest is its own newest event.
        clock=keys.choice("clock", ("data", "wall"), "data"),
        sources={kind: _source(sources, kind, path.parent) for kind in ("events", "items", "users")},
        events=_events(keys.section("events")),
        text=_text_template(keys),
        # 384 numbers a text, 22 M parameters: runs on two cores at hundreds of texts a second.
        text_model=keys.text("text_model", "sentence-transformers/all-MiniLM-L6-v2"),
        consumed=_consumed(keys),
        list_size=keys.integer("list_size", 50, least=1, most=1000),
        # Newcomers of a known segment get that segment's popular items; without it, everyone's.
        segment_by=_optional_text(keys, "segment_by"),
        quality=_quality(keys.section("quality")),
        evaluation=_evaluation(keys.section("evaluation")),
        gate=_gate(keys.section("gate"), keys.sections("limits")),
        refresh=_refresh(keys.section("refresh")),
        model={key: keys.get(key) for key in MODEL_KEYS if keys.get(key) is not None},
        file=path,
    )
    sources.done()
    keys.done()
    return domain


def _optional_text(keys: Keys, key: str) -> str | None:
    return keys.text(key) if keys.get(key) is not None else None


def _source(sources: Keys, kind: str, base: Path) -> SourceConfig:
    keys = sources.section(kind)
    folder = None
    if "path" in keys:
        text = os.path.expandvars(keys.text("path"))
        if "$" in text:
            raise keys.fail("path", "a folder; set the environment variable that it names")
        folder = Path(text).expanduser()
        folder = folder if folder.is_absolute() else base / folder
    columns = {}
    for field, value in keys.mapping("columns").items():
        if field not in FIELDS[kind]:
            raise ConfigError(
                keys.name("columns") + f".{field}", value, "a field of " + ", ".join(FIELDS[kind]), keys.where
            )
        columns[field] = _expression(value, keys.name("columns") + f".{field}", keys.where)
    if columns:
        for field in REQUIRED[kind]:
            if field not in columns:
                raise ConfigError(
                    keys.name("columns") + f".{field}", None, "a column of the file", keys.where
                )
    reject = []
    for rule in keys.items("reject"):
        reject.append(RejectRule(reason=rule.text("reason"), when=rule.text("when")))
        rule.done()
    keys.done()
    return SourceConfig(kind=kind, path=folder, columns=columns, reject=tuple(reject))


def _expression(value: object, key: str, where: str) -> str:
    """A bare text names a column; ``{sql: …}`` is an expression over the columns."""
    if isinstance(value, str) and value.strip():
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, dict) and set(value) == {"sql"} and isinstance(value["sql"], str):
        return f"({value['sql']})"
    raise ConfigError(key, value, "a column's name, or {sql: expression over the file's columns}", where)


def _events(keys: Keys) -> EventsConfig:
    types = {}
    for name, entry in keys.sections("types").items():
        raw = entry.get("weight")
        if raw == "value":
            types[name] = EventType(name, None)
        else:
            types[name] = EventType(name, entry.number("weight", least=-1e6, most=1e6))
        entry.done()
    if not types:
        raise keys.fail("types", "at least one event type with its weight, as `view: {weight: 1}`")
    config = EventsConfig(
        types=types,
        # Half a year: taste in films, books and shops drifts over months, not days; news wants days.
        half_life_days=keys.number("half_life_days", 180.0, least=0.001, most=100_000),
        # An epoch of 0 and seconds read as milliseconds land before 1990: they are no events.
        earliest=_instant(keys, "earliest", datetime(1990, 1, 1)),
        # Clocks differ by minutes; anything further ahead is a wrong clock or a wrong unit.
        max_future_minutes=keys.number("max_future_minutes", 5.0, least=0),
        late_after_days=keys.number("late_after_days", 1.0, least=0),
    )
    keys.done()
    return config


def _instant(keys: Keys, key: str, default: datetime) -> datetime:
    value = keys.get(key)
    if key not in keys:
        return default
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        raise keys.fail(key, "a date, as 1990-01-01") from None


def _text_template(keys: Keys) -> str:
    template = keys.text("text", "{title}. {tags}")
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError:
        raise keys.fail("text", "a template as '{title}. {tags}'") from None
    if not fields or any(field not in TEXT_FIELDS for field in fields):
        raise keys.fail("text", "a template of " + ", ".join(f"{{{field}}}" for field in TEXT_FIELDS))
    return template


def _consumed(keys: Keys) -> Consumed:
    value = keys.get("consumed")
    return consumed_from_value(value, keys.where) if "consumed" in keys else Consumed()


def _quality(keys: Keys) -> QualityLimits:
    limits = QualityLimits(
        min_events=keys.integer("min_events", 1, least=1),
        min_users=keys.integer("min_users", 1, least=1),
        min_items=keys.integer("min_items", 1, least=1),
        # Real exports hold a quarter of unusable rows (Online Retail); more than half is a break.
        max_quarantined_share=keys.number("max_quarantined_share", 0.5, least=0, most=1),
        # Events of items that have no row yet still train; their title is their id.
        max_unknown_items_share=keys.number("max_unknown_items_share", 1.0, least=0, most=1),
        # Lists are full unless the whole catalogue is smaller than the list.
        min_list_share=keys.number("min_list_share", 1.0, least=0, most=1),
        # Users of the live set who may not vanish from the next one.
        min_users_share=keys.number("min_users_share", 0.9, least=0, most=1),
        # A launch that only newcomers know of looks like an attack: a person decides.
        pushed_items=keys.choice("pushed_items", ("warn", "block"), "warn"),
        max_exposure_growth=keys.number("max_exposure_growth", 2.0, least=1),
    )
    keys.done()
    return limits


def _evaluation(keys: Keys) -> EvaluationConfig:
    config = EvaluationConfig(
        holdout_share=keys.number("holdout_share", 0.1, least=0.001, most=0.5),
        # A mean over 5,000 users has a standard error below 0.005 for any metric in 0..1.
        max_users=keys.integer("max_users", 5000, least=1),
        parity_users=keys.integer("parity_users", 200, least=1),
        min_parity_overlap=keys.number("min_parity_overlap", 0.7, least=0, most=1),
    )
    keys.done()
    return config


def _gate(keys: Keys, limits: dict[str, Keys]) -> GateConfig:
    bounds = {}
    for figure, limit in limits.items():
        if figure not in LIST_FIGURES:
            raise ConfigError(f"limits.{figure}", "", "one of " + ", ".join(LIST_FIGURES), limit.where)
        bounds[figure] = (
            limit.number("least") if "least" in limit else None,
            limit.number("most") if "most" in limit else None,
        )
        limit.get("least"), limit.get("most")
        limit.done()
    # 5 % of nDCG@10 is what a change of the random seed moves on a few hundred judged users.
    config = GateConfig(max_loss=keys.number("max_loss", 0.05, least=0, most=1), bounds=bounds)
    keys.done()
    return config


def _refresh(keys: Keys) -> RefreshConfig:
    kafka = keys.section("kafka")
    config = RefreshConfig(
        batch_rows=keys.integer("batch_rows", 100_000, least=1),
        # What someone looks at now says most within one sitting.
        session_half_life_minutes=keys.number("session_half_life_minutes", 30.0, least=0.01),
        session_strength=keys.number("session_strength", 0.3, least=0, most=1),
        kafka_topic=kafka.text("topic") if "topic" in kafka else None,
        kafka_servers=kafka.text("servers") if "servers" in kafka else None,
    )
    if (config.kafka_topic is None) != (config.kafka_servers is None):
        raise keys.fail("kafka", "both topic and servers")
    kafka.done()
    keys.done()
    return config
