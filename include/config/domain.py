"""A domain: what the YAML file says of one kind of data, as frozen, checked values.

The sections are those of docs/domain.md, which is written from them.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from include.config.chat import ChatConfig
from include.config.consumed import Consumed
from include.config.domain_file import (
    ApiConfig,
    DomainFile,
    EmbedConfig,
    EvaluationConfig,
    EventsConfig,
    Landing,
    LandingKeys,
    Limit,
    MaintenanceConfig,
    QualityLimits,
    RefreshConfig,
    RejectRule,
)
from include.config.experiments import ExperimentConfig, check_experiments
from include.config.export_targets import ExportTarget, check_targets
from include.config.section import read_section
from include.config.understanding import Understanding
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, RELATION_FIELDS, REQUIRED, USER_FIELDS
from include.errors import ConfigError

FIELDS = {
    "events": tuple(name for name, _, _ in EVENT_FIELDS),
    "items": tuple(name for name, _, _ in ITEM_FIELDS),
    "users": tuple(name for name, _, _ in USER_FIELDS),
    "relations": tuple(name for name, _, _ in RELATION_FIELDS),
}
KINDS = tuple(FIELDS)
NIGHTLY_HOURS = 30.0  # a night that was missed shows the next morning


@dataclass(frozen=True)
class SourceConfig:
    """A section of ``sources`` with its folder found; path None: landing/<kind>/."""

    kind: str
    path: Path | None
    columns: dict[str, str]
    reject: tuple[RejectRule, ...]


@dataclass(frozen=True)
class GateConfig:
    """max_loss: see GateKeys.  bounds: figure of the lists -> lowest and highest value, None: no bound."""

    max_loss: float
    bounds: dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Domain:
    """One domain file.  model: the keys that the recommender reads (retrieval, ranking, diversity …)."""

    name: str
    clock: str
    sources: dict[str, SourceConfig]
    events: EventsConfig
    text: str
    text_model: str
    embed: EmbedConfig
    consumed: Consumed
    list_size: int
    segment_by: str | None
    segment_words: str
    quality: QualityLimits
    evaluation: EvaluationConfig
    gate: GateConfig
    refresh: RefreshConfig
    maintenance: MaintenanceConfig
    api: ApiConfig
    understanding: Understanding
    chat: ChatConfig
    experiments: tuple[ExperimentConfig, ...]
    exports: tuple[ExportTarget, ...]
    model: dict[str, Any]
    file: Path

    @property
    def stale_after_hours(self) -> float | None:
        """Hours from which the newest nightly is too old; None: data at rest do not grow stale."""
        return self.api.stale_after_hours or (NIGHTLY_HOURS if self.clock == "wall" else None)

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(field for _, field, _, _ in Formatter().parse(self.text) if field)


# Read by the recommender, which checks them itself: include/recommender/model_config.py.
MODEL_KEYS = ("retrieval", "ranking", "diversity", "rules", "cold_start", "tuning")
_HEALTH = (
    "coverage@10",
    "gini@10",
    "first_share@10",
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
    if isinstance(data, dict):
        data.setdefault("events", None)  # so that the error names the event types that are missing
    file = read_section(DomainFile, data, where)
    if wrong := check_targets(file.exports) or check_experiments(file.experiments):
        raise ConfigError(*wrong, where)
    model = {key: getattr(file, key) for key in MODEL_KEYS}
    return Domain(
        name=file.domain,
        clock=file.clock,
        sources={kind: _source(file.sources, kind, path) for kind in KINDS},
        events=file.events,
        text=file.text,
        text_model=file.text_model,
        embed=file.embed,
        consumed=file.consumed,
        list_size=file.list_size,
        segment_by=file.segment_by,
        segment_words=file.segment_words,
        quality=file.quality,
        evaluation=file.evaluation,
        gate=GateConfig(file.gate.max_loss, _bounds(file.limits, where)),
        refresh=_refresh(file.refresh, where),
        maintenance=file.maintenance,
        api=file.api,
        understanding=file.understanding,
        chat=file.chat,
        experiments=file.experiments,
        exports=file.exports,
        model={key: value for key, value in model.items() if value is not None},
        file=path,
    )


def _source(sources: Landing, kind: str, file: Path) -> SourceConfig:
    keys: LandingKeys = getattr(sources, kind)
    key = f"sources.{kind}"
    for field, value in keys.columns.items():
        if field not in FIELDS[kind]:
            expected = "a field of " + ", ".join(FIELDS[kind])
            raise ConfigError(f"{key}.columns.{field}", value, expected, file.name)
    for field in REQUIRED[kind] if keys.columns else ():
        if field not in keys.columns:
            raise ConfigError(f"{key}.columns.{field}", None, "a column of the file", file.name)
    return SourceConfig(kind, _folder(keys.path, key, file), keys.columns, keys.reject)


def _folder(path: str | None, key: str, file: Path) -> Path | None:
    if path is None:
        return None
    text = os.path.expandvars(path)
    if "$" in text:
        expected = "a folder; set the environment variable that it names"
        raise ConfigError(f"{key}.path", path, expected, file.name)
    folder = Path(text).expanduser()
    return folder if folder.is_absolute() else file.parent / folder


def _bounds(limits: dict[str, Limit], where: str) -> dict[str, tuple[float | None, float | None]]:
    for figure in limits:
        if figure not in LIST_FIGURES:
            raise ConfigError(f"limits.{figure}", "", "one of " + ", ".join(LIST_FIGURES), where)
    return {figure: (limit.min, limit.max) for figure, limit in limits.items()}


def _refresh(refresh: RefreshConfig, where: str) -> RefreshConfig:
    kafka = refresh.kafka
    if (kafka.topic is None) != (kafka.servers is None):
        given = {key: value for key, value in asdict(kafka).items() if value is not None}
        raise ConfigError("refresh.kafka", given, "both topic and servers", where)
    return refresh
