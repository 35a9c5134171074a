"""SQL that turns landed text into the contract's types."""

from __future__ import annotations

from include.lake.catalog import quote

# Blanks of any script, and characters that show nothing: an id of only these is no id.
_BLANKS = (
    " \t\n\r\v\f\u0085\u00a0\u00ad\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
# What exports write for "no value" where an id should be.
_NULL_WORDS = ("null", "none", "nan", "nil", "undefined", "\\n", "<na>")
# Numbers below are seconds, then milliseconds, then microseconds: each range covers the years 1973 to 5138.
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17


def text_sql(column: str) -> str:
    """Text without blanks around it; null when nothing is left."""
    return f"nullif(trim({column}, {quote(_BLANKS)}), '')"


def id_sql(column: str) -> str:
    """An id: NFC, so that the same letters are the same id, without blanks; null for a word that means null."""
    clean = text_sql(column)
    words = ", ".join(quote(word) for word in _NULL_WORDS)
    return f"nfc_normalize(case when length({column}) < 20 and lower({clean}) in ({words}) then null else {clean} end)"


def instant_sql(column: str) -> str:
    """UTC instant of ISO-8601 text (an offset is applied, none means UTC) or of epoch s, ms or µs.

    The unit of a number follows from its size. Null when it is no instant. The session's time zone must be
    UTC. The cast to a number comes second: it costs 5 µs a row on text that is none.
    """
    number = f"try_cast({column} as decimal(28, 6))"
    epoch = (
        f"case when abs({number}) < {_SECONDS_BELOW} then make_timestamp(({number} * 1000000)::bigint)"
        f" when abs({number}) < {_MILLISECONDS_BELOW} then make_timestamp(({number} * 1000)::bigint)"
        f" when abs({number}) < {_MICROSECONDS_BELOW} then make_timestamp({number}::bigint) end"
    )
    iso = f"try_cast({column} as timestamptz) at time zone 'UTC'"
    return f"case when {column}[5] = '-' then {iso} else {epoch} end"


def number_sql(column: str) -> str:
    """A number; null when it is none. May be infinite or NaN: rules decide."""
    return f"try_cast({column} as double)"
