"""SQL that turns landed text into the contract's types."""

from __future__ import annotations

from include.lake.catalog import quote

# Blanks of any script, and characters that show nothing: an id of only these is no id.
_BLANK = r"[\s\p{Z}\x{85}\x{AD}\x{180E}\x{200B}-\x{200F}\x{2060}-\x{2064}\x{FEFF}]"
# What exports write for "no value" where an id should be.
_NULL_WORDS = ("null", "none", "nan", "nil", "undefined", "\\n", "<na>")
# Numbers below are seconds, then milliseconds, then microseconds: each range covers the years 1973 to 5138.
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17


def text_sql(column: str) -> str:
    """Text without blanks around it; null when nothing is left.

    A pattern, since trim() with so many characters takes 3 µs a row, ten times as long.
    """
    return f"nullif(regexp_replace({column}, '^{_BLANK}+|{_BLANK}+$', '', 'g'), '')"


def id_sql(text: str) -> str:
    """An id of trimmed text: NFC, so that the same letters are one id; null for a word that means null."""
    words = ", ".join(quote(word) for word in _NULL_WORDS)
    is_null = f"length({text}) < 10 and lower({text}) in ({words})"
    return f"case when {is_null} then null else nfc_normalize({text}) end"


def inexact_id_sql(text: str) -> str:
    """Whether text is how a float beyond 2^53 is written: it may be any of several whole numbers."""
    return f"regexp_matches({text}, '^-?([0-9]{{16,}}[.]0+|[0-9]+([.][0-9]+)?[eE][+][0-9]+)$')"


def instant_sql(text: str) -> str:
    """UTC instant of trimmed ISO-8601 text (an offset is applied, none means UTC) or of epoch s, ms or µs.

    The unit of a number follows from its size. Null when it is no instant. The session's time zone must be
    UTC. The cast to a number comes second: it costs 5 µs a row on text that is none.
    """
    number = f"try_cast({text} as decimal(28, 6))"
    epoch = (
        f"case when abs({number}) < {_SECONDS_BELOW} then make_timestamp(({number} * 1000000)::bigint)"
        f" when abs({number}) < {_MILLISECONDS_BELOW} then make_timestamp(({number} * 1000)::bigint)"
        f" when abs({number}) < {_MICROSECONDS_BELOW} then make_timestamp({number}::bigint) end"
    )
    return f"case when {text}[5] = '-' then {_iso_sql(text)} else {epoch} end"


def _iso_sql(text: str) -> str:
    """Of ISO-8601 text: each row by itself.

    DuckDB's cast to a zoned instant keeps a zone that one row names for the rows after it that name none:
    those are cast as plain UTC instead. It also takes +25:00 and +02:99 for offsets; up to 14:59 they are.
    """
    # What follows the date and the character after it: a letter or a sign there is a zone.
    time = f"{text}[12:]"
    has_zone = f"regexp_matches({time}, '[A-Za-z+-]')"
    is_offset = f"regexp_matches({time}, '[+-](0[0-9]|1[0-4])(:?[0-5][0-9]){{0,2}}$')"
    zoned = f"try_cast({text} as timestamptz) at time zone 'UTC'"
    return (
        f"case when not {has_zone} then try_cast({text} as timestamp)"
        f" when not regexp_matches({time}, '[+-][0-9][0-9]') or {is_offset} then {zoned} end"
    )


def number_sql(text: str) -> str:
    """A number; null when it is none. May be infinite or NaN: rules decide."""
    return f"try_cast({text} as double)"
