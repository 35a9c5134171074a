"""What must hold of the accepted rows before anything is trained on them: the one definition.

The nightly runs these over the whole lake through Great Expectations; a refresh runs the same rules over its
batch in plain SQL.
"""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, REQUIRED, USER_FIELDS
from include.landing.staging import FEWEST_JUDGED_ROWS
from include.quality.check_kinds import FIGURES, Among, Check, Figure, NoRows, NotNull, RowCount, Unique
from include.quality.gate_report import GateContext

# Relations that an input gate looks at; the batch of a refresh may bring some of them.
INPUT_RELATIONS = ("events", "items", "users", "relations", "ingests")
# Of a file that could not be read, where no file of the run could.
BYTES_A_ROW = 100

# Fewer rows than this share never had the field: its absence says nothing.
FEWEST_GIVEN = 0.05
# An answer that leads nowhere, an end of availability: these come and go.
_COME_AND_GO = ("recommendation_id", "available_from", "available_to")
_OPTIONAL = {
    kind: tuple(name for name, _, _ in fields if name not in (*REQUIRED[kind], "event_id", *_COME_AND_GO))
    for kind, fields in (("events", EVENT_FIELDS), ("items", ITEM_FIELDS), ("users", USER_FIELDS))
}
_EVENT_COLUMNS = ("event_id", "user_id", "item_id", "event_type", "event_at", "batch_id", "ingested_at")


def input_checks(context: GateContext, *, whole: bool = True) -> tuple[Check, ...]:
    """whole: the relations are all of the lake's rows, so that its least sizes apply; else one batch."""
    domain = context.domain
    return (
        *((*_size_checks(domain), _usual_day(context), *_usual_fields(context)) if whole else ()),
        *_event_checks(domain),
        *_item_checks(),
        *_user_checks(),
        *_relation_checks(whole=whole),
        *_ledger_checks(domain, whole=whole),
    )


def _size_checks(domain: Domain) -> tuple[Check, ...]:
    limits = domain.quality
    return (
        Check("events", "there are enough events", RowCount(limits.min_events)),
        Check(
            FIGURES,
            "there are enough users with events",
            Figure("users", "select count(distinct user_id) from gate_events", at_least=limits.min_users),
        ),
        Check(
            FIGURES,
            "there are enough items with events",
            Figure("items", "select count(distinct item_id) from gate_events", at_least=limits.min_items),
        ),
        Check(
            FIGURES,
            "events know their items",
            Figure(
                "unknown_items_share",
                "select coalesce(avg((items.item_id is null)::int), 0) from gate_events as events"
                " left join (select distinct item_id from gate_items) as items"
                " on events.item_id = items.item_id",
                at_most=limits.max_unknown_items_share,
            ),
        ),
    )


def _usual_day(context: GateContext) -> Check:
    """The newest day's events against the median of the same weekday in the four weeks before.

    Each day is counted as far as it was known so long after it, so that a feed that lands late is measured
    against itself, and a history that was loaded at once against nothing. Days of a hundred events or fewer
    say little: then nothing is judged.
    """
    as_of, checked_at = instant(context.as_of), instant(context.checked_at)
    return Check(
        FIGURES,
        "the newest day has its usual share of events",
        Figure(
            "day_share",
            f"with events as (select date_diff('second', event_at, {as_of}) // 86400 as age, ingested_at"
            f" from gate_events where event_at > {as_of} - interval 29 days and event_at <= {as_of}),"
            " days as (select weeks.n, count(events.age) as events from range(5) as weeks (n)"
            " left join events on events.age = 7 * weeks.n"
            f" and events.ingested_at <= {checked_at} - to_days((7 * weeks.n)::int)"
            " group by weeks.n)"
            f" select case when min(events) filter (where n > 0) <= {FEWEST_JUDGED_ROWS} then 1"
            " else max(events) filter (where n = 0) / median(events) filter (where n > 0) end from days",
            at_least=context.domain.quality.min_day_share,
        ),
    )


def _usual_fields(context: GateContext) -> tuple[Check, ...]:
    """Optional fields of the rows taken in since yesterday, against those of the four weeks before.

    A renamed column leaves every row good and its field empty.  Nothing is judged of fewer than
    FEWEST_JUDGED_ROWS rows on either side, nor of a field that few rows ever had.
    """
    at = instant(context.checked_at)
    return tuple(
        Check(
            FIGURES,
            f"{kind}: {field} is given about as often as before",
            Figure(
                f"{kind}_{field}_share",
                f"with rows as (select ({field} is not null)::int as given,"
                f" ingested_at > {at} - interval 1 day as is_new from gate_{kind}"
                f" where ingested_at > {at} - interval 29 days and ingested_at <= {at}),"
                " shares as (select is_new, count(*) as n, avg(given) as share from rows group by is_new)"
                f" select case when coalesce(min(n), 0) < {FEWEST_JUDGED_ROWS} or count(*) < 2"
                f" or any_value(share) filter (not is_new) < {FEWEST_GIVEN} then 1"
                " else any_value(share) filter (is_new) / any_value(share) filter (not is_new) end"
                " from shares",
                at_least=context.domain.quality.min_field_share,
            ),
        )
        for kind, fields in _OPTIONAL.items()
        for field in fields
    )


def _event_checks(domain: Domain) -> tuple[Check, ...]:
    types = domain.events.types
    weighing = tuple(name for name, event_type in types.items() if event_type.weight is None)
    # An interval takes no fraction of a minute.
    future_ms = round(domain.events.max_future_minutes * 60_000)
    return (
        *(Check("events", f"{column} is given", NotNull(column)) for column in _EVENT_COLUMNS),
        Check("events", "user_id is not blank", _not_blank("user_id")),
        Check("events", "item_id is not blank", _not_blank("item_id")),
        Check("events", "event_id is there once", Unique(("event_id",))),
        Check("events", "event_type is one of the domain's", Among("event_type", tuple(types))),
        Check(
            "events",
            "event_at is not before the earliest instant",
            NoRows(f"select * from {{batch}} where event_at < {instant(domain.events.earliest)}"),
        ),
        Check(
            "events",
            "event_at is not after it was taken in",
            NoRows(f"select * from {{batch}} where event_at > ingested_at + to_milliseconds({future_ms})"),
        ),
        Check(
            "events", "value is a finite number", NoRows("select * from {batch} where not isfinite(value)")
        ),
        *(
            Check(
                "events",
                f"value is given where it is the weight ({name})",
                NoRows(f"select * from {{batch}} where value is null and event_type = {literal(name)}"),
            )
            for name in weighing
        ),
    )


def _item_checks() -> tuple[Check, ...]:
    return (
        Check("items", "item_id is given", NotNull("item_id")),
        Check("items", "item_id is not blank", _not_blank("item_id")),
        Check("items", "item_id is there once", Unique(("item_id",))),
        Check("items", "title is given", NotNull("title")),
        Check(
            "items",
            "available_from is before available_to",
            NoRows("select * from {batch} where available_from >= available_to"),
            "warning",
        ),
        Check(
            "items",
            "vectors of one name have one length",
            # What most items have holds; the others are left out.
            NoRows(
                "with entries as (select item_id,"
                " unnest(map_entries(vectors::json::map(varchar, float[])), recursive := true) from {batch}"
                " where vectors is not null), lengths as (select key,"
                " mode(len(value) order by len(value)) as length from entries group by key)"
                " select item_id from entries inner join lengths using (key) where len(value) <> length"
            ),
            "warning",
        ),
    )


def _user_checks() -> tuple[Check, ...]:
    # No row count: user rows are optional.
    return (
        Check("users", "user_id is given", NotNull("user_id")),
        Check("users", "user_id is not blank", _not_blank("user_id")),
        Check("users", "user_id is there once", Unique(("user_id",))),
    )


def _relation_checks(*, whole: bool) -> tuple[Check, ...]:
    # No row count: relations are optional.
    checks = (
        Check("relations", "item_id is given", NotNull("item_id")),
        Check("relations", "other_item_id is given", NotNull("other_item_id")),
        Check(
            "relations",
            "no item is related to itself",
            NoRows("select * from {batch} where item_id = other_item_id"),
        ),
        Check("relations", "a relation is there once", Unique(("item_id", "relation", "other_item_id"))),
        Check(
            "relations",
            "weight is from 0",
            NoRows("select * from {batch} where weight < 0 or not isfinite(weight)"),
        ),
    )
    if not whole:  # a batch does not know what the lake holds
        return checks
    known = "(select item_id from gate_items union all select item_id from gate_events)"
    stray = f"item_id not in {known} or other_item_id not in {known}"
    are_known = NoRows(f"select * from {{batch}} where {stray}")
    # Until they land, nothing comes of these rows.
    return (*checks, Check("relations", "related items are known", are_known, "warning"))


def _ledger_checks(domain: Domain, *, whole: bool) -> tuple[Check, ...]:
    checks = (
        Check(
            "ingests",
            "rows in = accepted + quarantined + deduplicated",
            NoRows(
                "select * from {batch} where rows_in is distinct from accepted + quarantined + deduplicated"
            ),
        ),
        Check(
            "ingests",
            "every file could be read",
            NoRows("select * from {batch} where status <> 'ingested'"),
            "warning",
        ),
    )
    # A file that is mostly bad was set aside whole when it was read: it must not hold up the rest of a batch.
    return (*checks, _few_quarantined(domain)) if whole else checks


def _few_quarantined(domain: Domain) -> Check:
    return Check(
        FIGURES,
        "few enough rows were quarantined",
        Figure(
            "quarantined_share",
            # Of events alone: a file read as events, items and users counts a row thrice.
            "with files as (select * from gate_ingests where source not in ('items', 'users', 'relations')),"
            # The ledger counts a file that could not be read as one row: here it counts by its size.
            " read as (select coalesce(sum(bytes) / nullif(sum(rows_in), 0), 0) as bytes_a_row"
            " from files where status = 'ingested'),"
            f" sizes as (select if(bytes_a_row > 0, bytes_a_row, {BYTES_A_ROW}) as bytes_a_row from read),"
            " counted as (select accepted, deduplicated, if(status = 'unreadable',"
            " greatest(1, coalesce(bytes, 0) // bytes_a_row), quarantined) as quarantined"
            " from files cross join sizes)"
            f" select case when sum(accepted + quarantined + deduplicated) < {FEWEST_JUDGED_ROWS} then 0"
            " else coalesce(sum(quarantined) / nullif(sum(accepted + quarantined + deduplicated), 0), 0)"
            " end from counted",
            at_most=domain.quality.max_quarantined_share,
        ),
    )


def _not_blank(column: str) -> NoRows:
    return NoRows(f"select * from {{batch}} where trim({column}) = ''")


def instant(at: datetime) -> str:
    """A timestamp literal."""
    return f"timestamp '{at:%Y-%m-%d %H:%M:%S.%f}'"


def literal(text: str) -> str:
    """A string literal inside a rule's SQL, where braces stand for the batch."""
    return "'" + text.replace("'", "''").replace("{", "{{").replace("}", "}}") + "'"
