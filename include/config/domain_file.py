"""The sections of a domain file and what is allowed in each; docs/domain.md is written from them."""

from __future__ import annotations

from datetime import date, datetime
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from include.config.chat import ChatConfig
from include.config.consumed import Consumed, consumed_from_value
from include.config.experiments import Experiments
from include.config.export_targets import ExportTargets
from include.config.section import (
    AtLeastOne,
    NotNegative,
    Number,
    Share,
    Text,
    expects,
    section,
    unlike,
)
from include.config.segment_words import DEFAULT_WORDS
from include.config.understanding import Understanding
from include.errors import ConfigError

TEXT_FIELDS = ("item_id", "title", "description", "category", "tags", "attributes")


def _expression(value: object) -> str:
    """SQL: a bare text names a column; ``{sql: …}`` is an expression over the columns."""
    if isinstance(value, str) and value.strip():
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, dict) and set(value) == {"sql"} and isinstance(value["sql"], str):
        return f"({value['sql']})"
    raise unlike("a column's name, or {sql: expression over the file's columns}")


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        raise unlike("a date, as 1990-01-01") from None


def _weight(value: object) -> object:
    return None if value == "value" else _no_weight() if value is None else value


def _no_weight() -> object:
    raise unlike("a number from -1e+06 to 1e+06, or value")


def _template(template: str) -> str:
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError:
        raise unlike("a template as '{title}. {tags}'") from None
    if not fields or any(field not in TEXT_FIELDS for field in fields):
        raise unlike("a template of " + ", ".join(f"{{{field}}}" for field in TEXT_FIELDS))
    return template


def _with_value(template: str) -> str:
    if "{value}" not in template:
        raise unlike("a text with {value} in it, as people aged {value}")
    return template


def _consumed(value: object) -> object:
    if isinstance(value, Consumed):
        return value
    try:
        return consumed_from_value(value)
    except ConfigError as error:
        raise unlike(error.expected) from None


def _nothing(value: object) -> object:
    return {} if value is None else value


def _no_rows(value: object) -> object:
    return [] if value is None else value


_SQL = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}
_COLUMN = {"type": ["string", "object"], "anyOf": [{"type": "string"}, _SQL]}
_WEIGHT = {"anyOf": [{"type": "number", "minimum": -1e6, "maximum": 1e6}, {"const": "value"}]}
_AFTER = {"type": "object", "properties": {"after": {"type": ["string", "number"]}}, "required": ["after"]}
_CONSUMED = {"anyOf": [{"enum": ["exclude", "allow"]}, {"type": "string", "pattern": "^after"}, _AFTER]}

Expression = Annotated[
    str, BeforeValidator(_expression), expects("a column's name, or {sql: expression}", **_COLUMN)
]
Columns = Annotated[dict[str, Expression], BeforeValidator(_nothing)]
Instant = Annotated[datetime, BeforeValidator(_instant), expects("a date, as 1990-01-01", format="date")]
Weight = Annotated[
    Annotated[Number, Field(ge=-1e6, le=1e6)] | None,
    BeforeValidator(_weight),
    expects("a number from -1e+06 to 1e+06, or value", **_WEIGHT),
]
SegmentWords = Annotated[
    Text, AfterValidator(_with_value), expects("a text with {value} in it, as people aged {value}")
]
Template = Annotated[Text, AfterValidator(_template)]
ConsumedRule = Annotated[
    Any, BeforeValidator(_consumed), expects("exclude, allow, or after: 30d", **_CONSUMED)
]


@section
class RejectRule:
    """Rows that are refused by a rule of the domain's own."""

    reason: Text
    """What raw.quarantine calls them."""

    when: Text
    """SQL condition over the landing row's columns, all of them text."""


Rejected = Annotated[tuple[RejectRule, ...], BeforeValidator(_no_rows)]


@section
class LandingKeys:
    """Where the rows of one kind land and how their columns map onto the contract."""

    path: Text | None = None
    """Folder read instead of `landing/<kind>/`, by itself or relative to the domain file; `$VARIABLES` of the
    environment are filled in."""

    columns: Columns = Field(default_factory=dict)
    """Contract field -> column of the file, or `{sql: …}` over its columns, all of them text. Nothing: the
    file has the contract's own names."""

    reject: Rejected = ()
    """Rules by which rows are quarantined before any other check."""


@section
class Landing:
    """One section for each kind of landing rows."""

    events: LandingKeys = Field(default_factory=LandingKeys)
    """What people did."""

    items: LandingKeys = Field(default_factory=LandingKeys)
    """What can be recommended."""

    users: LandingKeys = Field(default_factory=LandingKeys)
    """Who gets lists."""

    relations: LandingKeys = Field(default_factory=LandingKeys)
    """Which items belong together: series, author, accessory."""


@section
class EmbedConfig:
    """Where item texts are embedded."""

    spark_from: AtLeastOne = 100_000
    """New texts from which a nightly has Spark's executors embed them, each with the model loaded: it pays on
    a cluster, on one machine the cores are the same. A killed run embeds these anew."""


@section
class EventType:
    """What one kind of event says."""

    weight: Weight
    """Confidence of one event, -1e6 to 1e6; negative takes back; `value`: the event's own value."""


@section
class EventsConfig:
    """What people's events mean."""

    types: Annotated[
        dict[str, EventType],
        BeforeValidator(_nothing),
        Field(min_length=1),
        expects("at least one event type with its weight, as `view: {weight: 1}`"),
    ]
    """Event type -> what it says; a row of another type is quarantined."""

    half_life_days: Annotated[Number, Field(ge=0.001, le=100_000)] = 180.0
    """Days after which an event counts half. Half a year: taste in films, books and shops drifts over months,
    not days; news wants days."""

    earliest: Instant = datetime(1990, 1, 1)
    """Earlier events are quarantined: an epoch of 0 and seconds read as milliseconds land before 1990."""

    max_future_minutes: NotNegative = 5.0
    """Minutes that an event may lie ahead. Clocks differ by minutes; anything further is a wrong clock
    or unit."""

    late_after_days: NotNegative = 1.0
    """Days after which an event that lands counts as late in ops.ingests; it is taken in all the same."""


@section
class QualityLimits:
    """Limits of the gates."""

    min_events: AtLeastOne = 1
    """Fewest rows of raw.events."""

    min_users: AtLeastOne = 1
    """Fewest people with an event."""

    min_items: AtLeastOne = 1
    """Fewest items with an event."""

    max_quarantined_share: Share = 0.5
    """Most of a run's rows that may be refused. Real exports hold a quarter of unusable rows (Online Retail);
    more than half is a break."""

    min_day_share: Share = 0.1
    """Least events of the newest day, of the median of the same weekday in the four weeks before; judged
    once these have a hundred events each. A feed that broke brings a trickle; a holiday seldom so little."""

    min_field_share: Share = 0.1
    """Least share of the rows taken in since yesterday that have an optional field, of what it was in the
    four weeks before; judged once both have a hundred rows. A renamed column leaves rows good and the field
    empty."""

    max_file_mb: Annotated[Number, Field(gt=0)] = 4096.0
    """Megabytes of text that one landing file may hold, unpacked: a gzip of a megabyte can hold a gigabyte of
    nothing. A larger one is not read."""

    max_unknown_items_share: Share = 1.0
    """Most of the events whose item has no row. They still train; the item's title is its id."""

    min_list_share: Share = 1.0
    """Fewest places of a list that must be filled, of what the catalogue allows."""

    min_users_share: Share = 0.9
    """Fewest users of the live set who must be in the next one."""

    pushed_items: Literal["auto", "warn", "block"] = "auto"
    """What an item does whose exposure new accounts push beyond `max_exposure_growth`: warn names it, block
    stops the publish, auto names it and stops beyond `block_exposure_growth`. A launch that only newcomers
    know of looks like an attack: a person decides."""

    max_exposure_growth: Annotated[Number, Field(ge=1)] = 2.0
    """Times that new accounts may raise an item's share of top tens before it is named."""

    block_exposure_growth: Annotated[Number, Field(ge=1)] = 10.0
    """Times beyond which such an item stops the publish, unless `pushed_items` is warn."""


@section
class EvaluationConfig:
    """How a nightly judges."""

    holdout_share: Annotated[Number, Field(ge=0.001, le=0.5)] = 0.1
    """Newest share of the events, by which the challenger is judged."""

    max_users: AtLeastOne = 5000
    """Judged users; a mean over 5,000 has a standard error below 0.005 for any metric in 0..1."""

    parity_users: AtLeastOne = 200
    """Users whose refreshed lists are compared with retrained ones."""

    min_parity_overlap: Share = 0.7
    """Overlap of these lists below which the report warns."""


@section
class GateKeys:
    """What a challenger must keep to be published."""

    max_loss: Share = 0.05
    """Share of the champion's nDCG@10 that it may lose where the interval cannot tell them apart: what a
    change of the random seed moves on a few hundred judged users."""


@section
class Limit:
    """Bounds of a figure of the lists; outside them nothing is published."""

    min: Number | None = Field(default=None, validation_alias=AliasChoices("min", "least"))
    """Lowest value."""

    max: Number | None = Field(default=None, validation_alias=AliasChoices("max", "most"))
    """Highest value."""


@section
class Kafka:
    """The topic that the refresh reads beside the landing folder; both keys or none."""

    topic: Text | None = None
    """Its name; messages are JSON rows of events."""

    servers: Text | None = None
    """host:port, several parted by commas."""


@section
class RefreshConfig:
    """The refresh, and the order of a list by what someone looks at now."""

    batch_rows: AtLeastOne = 100_000
    """Rows taken in by one commit."""

    session_half_life_minutes: Annotated[Number, Field(ge=0.01)] = 30.0
    """Minutes after which an event of the session counts half: what someone looks at now says most within one
    sitting."""

    session_strength: Share = 0.3
    """0 leaves the list's order, 1 orders by the session alone."""

    kafka: Kafka = Field(default_factory=Kafka)
    """A topic as a second way in."""


@section
class MaintenanceConfig:
    """How long `maintain_lake` keeps what is no longer live."""

    publications_days: NotNegative = 30.0
    """Days that nightly publications stay readable by time travel and can be gone back to; the live one stays
    always."""

    snapshots_hours: Annotated[Number, Field(ge=12)] = 24.0
    """Hours that every other state of the lake stays readable. Not below 12: a nightly reads the snapshot of
    its start."""

    runs_days: Annotated[Number, Field(ge=1)] = 7.0
    """Days that a run's records and staged set stay below `runs/`, for looking at refused ones; exports of
    persons too."""

    reports_days: Annotated[Number, Field(ge=1)] = 90.0
    """Days that pages of runs stay below `reports/`, and answers of the API below `served/`."""


@section
class ApiConfig:
    """The HTTP API."""

    stale_after_hours: Annotated[Number, Field(gt=0)] | None = None
    """Hours after the newest nightly from which `/v1/health` answers 503; none: 30 where the clock is wall,
    never where the data are at rest."""

    requests_per_minute: AtLeastOne = 60_000
    """Requests that one key may make in a minute; more are answered with 429."""

    max_body_kb: AtLeastOne = 1024
    """Kilobytes of a request's body; a larger one is answered with 413."""


Limits = Annotated[dict[str, Limit], BeforeValidator(_nothing)]


@section
class DomainFile:
    """A domain file as it is written, but for the recommender's sections."""

    domain: Annotated[
        str,
        BeforeValidator(str),
        Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"),
        expects("a name of letters, digits, _ and -, at most 40"),
    ]
    """Name of the domain; a home holds one."""

    events: EventsConfig
    """What events mean."""

    clock: Literal["data", "wall"] = "data"
    """The cutoff of a run without `as_of`: data at rest have their newest event, wall is the run's
    own time."""

    sources: Landing = Field(default_factory=Landing)
    """Where rows land, if not in the landing folder with the contract's own columns."""

    text: Template = "{title}. {tags}"
    """What the language model reads of an item, by its fields."""

    text_model: Text = "sentence-transformers/all-MiniLM-L6-v2"
    """A sentence-transformers model or its folder. The default gives 384 numbers a text from 22 M parameters
    and runs on two cores at hundreds of texts a second."""

    embed: EmbedConfig = Field(default_factory=EmbedConfig)
    """Where item texts are embedded."""

    consumed: ConsumedRule = Consumed()
    """What a person has had already: `exclude`, never again; `allow`; `after: 30d`, again after so many
    days."""

    list_size: Annotated[AtLeastOne, Field(le=1000)] = 50
    """Items of a list."""

    segment_by: Text | None = None
    """Attribute of users by which newcomers get their segment's popular items; without it, everyone's."""

    segment_words: SegmentWords = DEFAULT_WORDS
    """What a segment is called where a reason says "popular with …", by `{value}` and `{attribute}`, as
    `people aged {value}`."""

    quality: QualityLimits = Field(default_factory=QualityLimits)
    """Limits of the gates."""

    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    """How a nightly judges."""

    gate: GateKeys = Field(default_factory=GateKeys)
    """What a challenger must keep."""

    limits: Limits = Field(default_factory=dict)
    """Figure of the lists -> its bounds."""

    refresh: RefreshConfig = Field(default_factory=RefreshConfig)
    """The refresh."""

    maintenance: MaintenanceConfig = Field(default_factory=MaintenanceConfig)
    """How long things are kept."""

    api: ApiConfig = Field(default_factory=ApiConfig)
    """The HTTP API."""

    understanding: Understanding = Field(default_factory=Understanding)
    """What items are and what people are after."""

    chat: ChatConfig = Field(default_factory=ChatConfig)
    """A chat model, if there is one."""

    experiments: Experiments = ()
    """A/B tests that are read each day (docs/experiments.md)."""

    exports: ExportTargets = ()
    """Where lists go after each publish, besides the lake (docs/exports.md)."""

    retrieval: Any = None
    ranking: Any = None
    diversity: Any = None
    rules: Any = None
    cold_start: Any = None
    tuning: Any = None
