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
    iso = f"try_cast({text} as timestamptz) at time zone 'UTC'"
    return f"case when {text}[5] = '-' then {iso} else {epoch} end"


def number_sql(text: str) -> str:
    """A number; null when it is none. May be infinite or NaN: rules decide."""
    return f"try_cast({text} as double)"
