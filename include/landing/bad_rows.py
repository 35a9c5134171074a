"""Why rows are bad, for whoever reads the error of a run that they stopped."""

from __future__ import annotations

import duckdb

TOLD_REASONS = 3
SHOWN_CHARACTERS = 120


def tell_reasons(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """The reasons that most rows of a relation have, each with how many rows and one of them, cut for show.

    relation: what may follow FROM, with the columns reason (null: a good row) and raw.
    """
    found = con.execute(
        "select regexp_extract(reason, '^[^:]+') as word, count(*) as n, min(raw)"
        f" from {relation} where reason is not null group by word order by n desc, word limit {TOLD_REASONS}"
    ).fetchall()
    return [f"{n:,} for {word}, as {_cut(raw or '')}" for word, n, raw in found]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
