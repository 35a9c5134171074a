"""SQL that types the rows of a file and names what is wrong with them: the first reason holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from include.config.domain import FIELDS, Domain
from include.config.domain_file import EventsConfig
from include.contracts import REQUIRED
from include.lake.catalog import quote
from include.landing.clean import INVALID_UTF8, NUL
from include.landing.fields import id_sql, inexact_id_sql, instant_sql, number_sql, text_sql
from include.landing.mapping import field_expressions
from include.landing.reading import identifier

MAX_ID_CHARS = 512
MAX_FIELD_CHARS = 1_000_000
# A rating, a quantity, seconds: beyond 30 years in seconds a number is an id or an overflow.
MAX_VALUE = 1e9
# Names in item.vectors; pictures, sound and a few more.
MAX_VECTORS = 8
# The raw row is kept for people and for replay; more than this is neither.
MAX_RAW_CHARS = 65_536

_IDS = {
    "event_id",
    "user_id",
    "item_id",
    "other_item_id",
    "relation",
    "event_type",
    "session_id",
    "variant",
    "recommendation_id",
}
_NAMES = {"event_id", "user_id", "item_id", "other_item_id"}
_NUMBERS = {"value", "weight"}
_INSTANTS = {"event_at", "available_from", "available_to", "updated_at"}
_JSON = {"context", "attributes"}


def rows_sql(
    domain: Domain,
    kind: str,
    reader: str,
    columns: Sequence[str],
    ingested_at: datetime,
    *,
    has_marks: bool,
    blank: str = "",
    otherwise: str | None = None,
) -> str:
    """The SELECT of typed rows: nj_file, nj_row, reason (null: accepted so far), raw (of a row with a reason)
    and the contract's fields of the kind.  blank: reason of an empty line; '': it is no row.
    otherwise: reason of a row that has none of its own."""
    fields = FIELDS[kind]
    source = domain.sources[kind]
    given = field_expressions(source)
    landed = ", ".join(
        f"({given[field]})::varchar as t_{field}" if field in given else f"null::varchar as t_{field}"
        for field in fields
    )
    rules = " ".join(f"when {rule.when} then {quote(rule.reason)}" for rule in source.reject)
    whole = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in columns)
    trimmed = ", ".join(f"{text_sql(f't_{field}')} as s_{field}" for field in fields)
    values = ", ".join(f"{_typed(field)} as {field}" for field in fields)
    reasons = " ".join(
        f"when {condition} then {reason}" for condition, reason in _reasons(domain, kind, ingested_at, blank)
    )
    good = "null" if otherwise is None else quote(otherwise)
    marks = _marks(columns) if has_marks else "null"
    # The row as it came: the line, or the columns as a JSON object under their own names.
    raw = f"left(coalesce(nj_line, to_json(nj_columns)::varchar), {MAX_RAW_CHARS})"
    return f"""
with landed as ({reader}),
mapped as (
    select nj_file, nj_row, nj_line, nj_is_object, struct_pack({whole}) as nj_columns, {marks} as nj_mark,
        case {rules or "when false then null"} end as nj_rule, {landed}
    from landed
),
trimmed as (select *, {trimmed} from mapped),
typed as (select *, {values} from trimmed),
judged as (select *, case {reasons} else {good} end as reason from typed)
select nj_file, nj_row, reason, case when reason is not null then {raw} end as raw, {", ".join(fields)}
from judged"""


def _typed(field: str) -> str:
    text = f"s_{field}"
    if field in _INSTANTS:
        return instant_sql(text)
    if field in _NUMBERS:
        return number_sql(text)
    return id_sql(text) if field in _NAMES else text


def _marks(columns: Sequence[str]) -> str:
    everything = "concat(nj_line, " + ", ".join(identifier(name) for name in columns) + ")"
    return (
        f"case when contains({everything}, {quote(INVALID_UTF8)}) then 'invalid_utf8'"
        f" when contains({everything}, {quote(NUL)}) then 'nul_byte' end"
    )


def _reasons(domain: Domain, kind: str, ingested_at: datetime, blank_line: str) -> list[tuple[str, str]]:
    """Condition and reason, both SQL, in order."""
    fields = FIELDS[kind]
    latest = ingested_at + timedelta(minutes=domain.events.max_future_minutes)
    found = [
        ("nj_mark is not null", "nj_mark"),
        # Only JSON lines have nj_line.
        ("nj_line is not null and trim(nj_line, ' \t') = ''", quote(blank_line)),
        ("not nj_is_object", "'invalid_json'"),
        ("nj_rule is not null", "nj_rule"),
    ]
    for field in REQUIRED[kind]:
        blank = f"s_{field}" if field in _INSTANTS else field
        found.append((f"{blank} is null", quote(f"missing_{field}")))
    for field in fields:
        limit, reason = (
            (MAX_ID_CHARS, "id_too_long") if field in _IDS else (MAX_FIELD_CHARS, "field_too_long")
        )
        found.append((f"length(t_{field}) > {limit}", quote(f"{reason}: {field}")))
        found.append((f"contains(t_{field}, chr(0))", quote("nul_byte")))
        if field in _NAMES:
            found.append((inexact_id_sql(f"s_{field}"), quote(f"inexact_id: {field}")))
    found += _reasons_of_kind(domain, kind, latest)
    for field in fields:
        if field in _INSTANTS - {"event_at"}:
            found.append(
                (f"{field} is null and {text_sql(f't_{field}')} is not null", _detail(f"bad_{field}", field))
            )
    for field in fields:
        if field in _JSON:
            found.append((f"{field} is not null and not json_valid({field})", _detail(f"bad_{field}", field)))
    return found


def _reasons_of_kind(domain: Domain, kind: str, latest: datetime) -> list[tuple[str, str]]:
    if kind == "events":
        return _event_reasons(domain.events, latest)
    if kind == "items":
        return _item_reasons(latest)
    return _relation_reasons() if kind == "relations" else []


def _event_reasons(config: EventsConfig, latest: datetime) -> list[tuple[str, str]]:
    types = ", ".join(quote(name) for name in config.types)
    valued = ", ".join(quote(name) for name, kind in config.types.items() if kind.weight is None)
    found = [
        (f"event_type not in ({types})", _detail("unknown_event_type", "event_type")),
        ("event_at is null", _detail("bad_event_at", "event_at")),
        (f"event_at < {_literal(config.earliest)}", "'before_earliest: ' || event_at"),
        (f"event_at > {_literal(latest)}", "'future: ' || event_at"),
        (
            f"s_value is not null and (value is null or not isfinite(value) or abs(value) > {MAX_VALUE:g})",
            _detail("bad_value", "value"),
        ),
    ]
    if valued:
        found.append((f"event_type in ({valued}) and s_value is null", quote("missing_value")))
    return found


def _item_reasons(latest: datetime) -> list[tuple[str, str]]:
    return [
        (f"updated_at > {_literal(latest)}", "'future: ' || updated_at"),
        (f"vectors is not null and not {_are_vectors('vectors')}", _detail("bad_vectors", "vectors")),
    ]


def _relation_reasons() -> list[tuple[str, str]]:
    is_weight = f"coalesce(isfinite(weight) and weight between 0 and {MAX_VALUE:g}, false)"
    return [
        (f"s_weight is not null and not {is_weight}", _detail("bad_weight", "weight")),
        ("item_id = other_item_id", quote("related_to_itself")),
    ]


def _are_vectors(text: str) -> str:
    """Condition: a JSON object of at most MAX_VECTORS names, each with some finite numbers."""
    vectors = f"try_cast(try_cast({text} as json) as map(varchar, double[]))"
    shortest = f"list_min(list_transform(map_values({vectors}), lambda v: len(v)))"
    numbers = f"list_transform(flatten(map_values({vectors})), lambda n: coalesce(isfinite(n), false))"
    return (
        f"coalesce(cardinality({vectors}) between 1 and {MAX_VECTORS} and {shortest} > 0"
        f" and list_bool_and({numbers}), false)"
    )


def _detail(word: str, field: str) -> str:
    return f"{quote(word + ': ')} || left(t_{field}, 100)"


def _literal(instant: datetime) -> str:
    return f"timestamp {quote(instant.isoformat(sep=' '))}"
