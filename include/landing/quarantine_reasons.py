"""Why a row is quarantined: every reason, once. docs/contracts.md explains them.

A reason in ``raw.quarantine`` is one of these words, for some followed by ``: `` and a detail. The reject
rules of a domain file add words of their own.
"""

from __future__ import annotations

WHOLE_FILE = {
    "unreadable": "the file as a whole: torn gzip, broken Parquet footer, no usable header, UTF-16",
    "missing_columns": "the file as a whole: it lacks columns that the mapping reads",
    "gap": "a Kafka partition: messages were gone before they were read, or the topic was made anew",
    "refused": "the file as a whole: its name was ingested before with other content",
}
ROW = {
    "torn_row": "a CSV row with an open quote, too few or too many columns",
    "line_too_long": "a line of more than 2,000,000 bytes",
    "invalid_json": "a line that is no JSON object",
    "tombstone": "a Kafka message without a value",
    "invalid_utf8": "bytes that are no UTF-8",
    "nul_byte": "a NUL character",
    "missing_<field>": "a required field is not there, empty, blank, or a word as NULL, NaN, none",
    "id_too_long": "an id, type, session or variant of more than 512 characters",
    "field_too_long": "another field of more than 1,000,000 characters",
    "unknown_event_type": "a type that the domain file does not list",
    "bad_<field>": "a time that is neither ISO-8601 nor an epoch, a number that is none or beyond ±1e9, "
    "JSON that is none",
    "before_earliest": "an event before the domain's events.earliest",
    "future": "an event or update more than events.max_future_minutes after its ingestion",
}
