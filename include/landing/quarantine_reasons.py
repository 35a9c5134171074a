"""Why a row is quarantined: every reason, in the order in which they are looked for.

A reason in ``raw.quarantine`` is one of these words, for some followed by ``: `` and a detail. The reject
rules of a domain file add words of their own. docs/contracts.md gets its table from here.
"""

from __future__ import annotations

REASONS = {
    "unreadable": "the file as a whole: torn or wrong gzip, gzip without `.gz`, broken Parquet, UTF-16,"
    " a header with a name twice",
    "missing_columns": "the file as a whole: it lacks columns that the mapping reads",
    "refused": "the file as a whole: its name was ingested before with other content",
    "refused_file": "a good row of a file that is mostly bad (`quality.max_quarantined_share`): kept with"
    " the others, to be replayed once the mapping is mended",
    "gap": "a Kafka partition: messages were gone before they were read, or the topic was made anew",
    "torn_row": "a CSV row with an open quote, too few or too many columns",
    "line_too_long": "a line of more than 2,000,000 bytes",
    "invalid_utf8": "bytes that are no UTF-8; the rest of the file is taken in",
    "nul_byte": "a NUL character; the rest of the file is taken in",
    "tombstone": "a Kafka message without a value",
    "invalid_json": "a line that is no JSON object",
    "missing_<field>": "a required field is not there, empty, blank, or for ids a word that means null",
    "inexact_id": "an id that was stored as a float beyond 2^53: several whole numbers look alike there",
    "id_too_long": "more than 512 characters in an id, type, session or variant",
    "field_too_long": "more than 1,000,000 characters in another field",
    "unknown_event_type": "a type that the domain file does not list: add it there, and replay",
    "bad_<field>": "a time that is none, a number that is none, infinite, NaN or beyond ±10⁹, a weight"
    " below 0, JSON that is none, `vectors` that are no object of one to eight names with numbers",
    "related_to_itself": "a relation between an item and itself",
    "before_earliest": "an event before `events.earliest` (1990): epoch 0, or seconds divided by 1000",
    "future": "an event, or an item's `updated_at`, more than `events.max_future_minutes` (5) after its"
    " ingestion",
    "erased_person": "a row of someone who was erased (`make erase`); nothing of it is kept",
    "missing_value": "the type's weight is `value` and there is none",
}
