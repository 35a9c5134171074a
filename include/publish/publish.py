"""Publications: the statements that change what readers see, for use inside one ``Lake.write``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from include.contracts import SERVING_SET, TABLES
from include.lake.catalog import ALIAS
from include.lake.user_search import is_among, searching
from include.publish.tables import ADDED

ARCHIVE = "archive"  # schema of sets that were never live


@dataclass(frozen=True)
class Publication:
    """What one commit publishes.

    as_of: cutoff of the events in it.  events_snapshot: lake snapshot that they were read from.
    """

    publication_id: str
    kind: str
    as_of: datetime
    published_at: datetime
    model_version: str
    run_id: str
    events_snapshot: int


def open_publication(
    con: duckdb.DuckDBPyConnection,
    *,
    kind: str,
    as_of: datetime,
    published_at: datetime,
    model_version: str,
    run_id: str,
    events_snapshot: int,
) -> Publication:
    """A publication with the next number, so that ids of later ones sort after those of earlier ones."""
    row = con.execute(
        "select max(split_part(publication_id, '-', 1)::bigint) from serving.publications"
    ).fetchone()
    number = (row[0] or 0) + 1 if row else 1
    name = f"{number:08d}-{kind}-{as_of:%Y%m%dT%H%M%S}"
    return Publication(name, kind, as_of, published_at, model_version, run_id, events_snapshot)


def close_publication(
    con: duckdb.DuckDBPyConnection,
    publication: Publication,
    users: int,
    rows: int,
    *,
    schema: str = "serving",
) -> None:
    """Enter the publication in the schema's table of publications."""
    con.execute(
        f"insert into {schema}.publications by name select ? as publication_id, ? as kind,"
        " ?::timestamp as as_of, ?::timestamp as published_at, ? as model_version, ? as users, ? as rows,"
        " ? as run_id, ? as events_snapshot,"
        # Whoever writes holds the lock and raises the fence: no other commit comes in between.
        f" (from {ALIAS}.current_snapshot()) + 1 as snapshot",
        [
            publication.publication_id,
            publication.kind,
            publication.as_of,
            publication.published_at,
            publication.model_version,
            users,
            rows,
            publication.run_id,
            publication.events_snapshot,
        ],
    )


def replace_set(
    con: duckdb.DuckDBPyConnection, relations: Mapping[str, str], publication: Publication
) -> None:
    """Put a staged set in the place of the live one.  relations: table name -> relation of its rows."""
    for name in SERVING_SET:
        con.execute(f"delete from serving.{name}")
        _insert(con, name, relations[name], publication)


def replace_archived(
    con: duckdb.DuckDBPyConnection, relations: Mapping[str, str], publication: Publication
) -> None:
    """Keep a staged set of a past day in schema archive, in the place of one of the same name."""
    for name in (*SERVING_SET, "publications"):
        con.execute(f"delete from {ARCHIVE}.{name} where publication_id = ?", [publication.publication_id])
    for name in SERVING_SET:
        _insert(con, name, relations[name], publication, schema=ARCHIVE)


def delete_lists(con: duckdb.DuckDBPyConnection, users: str) -> None:
    """Take away the lists of some users.  users: relation with their user_id."""
    is_theirs = is_among(con, users)
    with searching(con):
        for name in ("recommendations", "candidate_lists"):
            con.execute(f"delete from serving.{name} where {is_theirs}")


def insert_lists(
    con: duckdb.DuckDBPyConnection, recommendations: pa.Table, candidates: pa.Table, publication: Publication
) -> None:
    """Add the lists of users who have none.  recommendations, candidates: the new rows."""
    _insert_rows(con, "recommendations", recommendations, publication)
    _insert_rows(con, "candidate_lists", candidates, publication)


def replace_similar(
    con: duckdb.DuckDBPyConnection, similar: pa.Table, items: str, publication: Publication
) -> None:
    """Put new neighbours in the place of those of some items.  items: relation with their item_id."""
    con.execute(f"delete from serving.similar_items where item_id in (select item_id from {items})")
    _insert_rows(con, "similar_items", similar, publication)


def replace_popular(con: duckdb.DuckDBPyConnection, popular: pa.Table, publication: Publication) -> None:
    """Put new popular items in the place of all that are live."""
    con.execute("delete from serving.popular_items")
    _insert_rows(con, "popular_items", popular, publication)


def _insert_rows(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table, publication: Publication) -> None:
    con.register("new_rows", rows)
    _insert(con, name, "new_rows", publication)
    con.unregister("new_rows")


def _insert(
    con: duckdb.DuckDBPyConnection,
    name: str,
    relation: str,
    publication: Publication,
    *,
    schema: str = "serving",
) -> None:
    table = TABLES[f"{schema}.{name}"]
    added = {
        "model_version": publication.model_version,
        "publication_id": publication.publication_id,
        "generated_at": publication.as_of,
    }
    given = [column for column in ADDED if column in table.column_names]
    values = ", ".join(
        f"?::{'timestamp' if column == 'generated_at' else 'varchar'} as {column}" for column in given
    )
    # Rows come sorted, so that one user's lie together and a reader skips all other row groups.
    con.execute(
        f"insert into {table.path} by name select *, {values} from {relation}",
        [added[column] for column in given],
    )
