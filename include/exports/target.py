"""What a place for exported lists offers, and what is to be written there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import duckdb

from include.lake.catalog import ALIAS, quote

# Of each exported table: the column whose rows belong together, and the exported columns.
KEYS = {"recommendations": "user_id", "similar_items": "item_id", "popular_items": "segment"}
COLUMNS = {
    "recommendations": (
        "user_id",
        "rank",
        "item_id",
        "score",
        "source",
        "reason",
        "model_version",
        "publication_id",
    ),
    "similar_items": ("item_id", "rank", "similar_item_id", "score", "relation", "publication_id"),
    "popular_items": ("segment", "rank", "item_id", "score", "publication_id"),
}


@dataclass(frozen=True)
class Change:
    """What is live, against what a target holds.

    publication_id: the newest.  since: the publication that the target holds; None: write everything.
    """

    publication_id: str
    since: str | None

    def rows(self, table: str) -> str:
        """Query: the rows of serving.<table> to write, whole lists of whatever changed."""
        newer = "" if self.since is None else f" where publication_id > {quote(self.since)}"
        columns = ", ".join(f'"{column}"' for column in COLUMNS[table])
        return f"select {columns} from {ALIAS}.serving.{table}{newer}"

    def gone(self) -> str:
        """Query: user_id of those who may have lost their whole list, who then did something since."""
        since = "true"
        if self.since is not None:
            since = (
                f"ingested_at >= (select published_at from {ALIAS}.serving.publications"
                f" where publication_id = {quote(self.since)}) - interval 1 hour"
            )
        return (
            f"select distinct user_id from {ALIAS}.raw.events where {since}"
            f" and user_id not in (select user_id from {ALIAS}.serving.recommendations)"
        )


@dataclass(frozen=True)
class Written:
    """rows: written.  deleted: lists that left, of people, items or segments."""

    rows: int
    deleted: int


class Target(Protocol):
    """A place for lists.  Every method raises ExportError, or a driver's own error, where it cannot."""

    def held(self) -> str | None:
        """The publication that the target holds whole; None: none, or one that was not finished."""
        ...

    def write(self, con: duckdb.DuckDBPyConnection, change: Change) -> Written:
        """Bring the target to the change's publication; killed at any point, the next call mends it."""
        ...

    def forget(self, con: duckdb.DuckDBPyConnection, user_id: str) -> None:
        """Take a person out, of every version that is kept; the lake does not hold them any more."""
        ...

    def close(self) -> None: ...
