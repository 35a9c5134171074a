"""Back to a kept publication in one commit; history stays, and refreshes go on from there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.contracts import SERVING_SET, TABLES, UNDERSTOOD
from include.errors import DataError, LakeError
from include.lake.catalog import ALIAS
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.publish.publish import Publication, close_publication, open_publication

log = logging.getLogger(__name__)
FEATURES = ("user_items", "user_stats", "item_stats", *UNDERSTOOD)
SHOWN = 5
# Temporary table: what a table held.
_THEN = "rows_of_then"


@dataclass(frozen=True)
class Kept:
    """A publication that can be gone back to."""

    publication_id: str
    as_of: datetime
    model_version: str
    events_snapshot: int
    snapshot: int


def kept_publications(lake: Lake) -> list[Kept]:
    """Those whose snapshot is still there, the newest first."""
    rows = lake.rows(
        "select publication_id, as_of, model_version, events_snapshot, snapshot from serving.publications"
        " where snapshot in (select snapshot_id from nightjar.snapshots()) order by publication_id desc"
    )
    return [Kept(*row) for row in rows]


def rollback(lake: Lake, publication_id: str, *, run_id: str, now: datetime) -> Publication:
    """Make the lists, features and model of ``publication_id`` live again, as a publication of its own.

    What was taken in since then is unlisted: the next tick folds it into the lists that came back.
    Raises DataError where it is not kept, or live already; LakeError where its model's file is gone.
    """
    kept = kept_publications(lake)
    found = next((one for one in kept if one.publication_id == publication_id), None)
    if found is None:
        names = ", ".join(one.publication_id for one in kept[1 : SHOWN + 1]) or "none"
        raise DataError(f"publication {publication_id!r} is not kept; the newest that are: {names}")
    if found == kept[0]:
        raise DataError(f"publication {publication_id} is the live one already")
    _check_model(lake, found)

    def work(con: duckdb.DuckDBPyConnection) -> Publication:
        publication = open_publication(
            con,
            kind="rollback",
            as_of=found.as_of,
            published_at=now,
            model_version=found.model_version,
            run_id=run_id,
            events_snapshot=found.events_snapshot,
        )
        for name in SERVING_SET:
            renamed = "replace (? as publication_id)"
            _restore(con, f"serving.{name}", found.snapshot, renamed, [publication.publication_id])
        for name in _features_of_then(con, found.snapshot):
            _restore(con, f"features.{name}", found.snapshot)
        _restore_unlisted(con, found.snapshot)
        con.execute("update ops.model_versions set status = 'retired' where status = 'champion'")
        con.execute(
            "update ops.model_versions set status = 'champion' where model_version = ?", [found.model_version]
        )
        users, rows = con.execute(
            "select count(distinct user_id), count(*) from serving.recommendations"
        ).fetchone()  # type: ignore[misc]
        close_publication(con, publication, users, rows)
        return publication

    publication = lake.write(work, run_id=run_id, message=f"rollback to {publication_id}")
    log.info("%s is live, with the lists of %s", publication.publication_id, publication_id)
    return publication


def _features_of_then(con: duckdb.DuckDBPyConnection, snapshot: int) -> list[str]:
    """Those of FEATURES that there were: what a later version brought is made anew by the next nightly."""
    then = con.execute(
        f"select table_name from __ducklake_metadata_{ALIAS}.ducklake_table where begin_snapshot <= ?",
        [snapshot],
    ).fetchall()
    return [name for name in FEATURES if (name,) in then]


def _check_model(lake: Lake, kept: Kept) -> None:
    artifact = lake.value(
        "select artifact from ops.model_versions where model_version = ?", [kept.model_version]
    )
    if artifact is None or not (lake.settings.models / artifact).is_file():
        raise LakeError(
            f"publication {kept.publication_id} needs model {kept.model_version}, whose file"
            f" {artifact or 'nobody knows'} is not below {lake.settings.models}: restore it from a backup"
        )


def _restore(
    con: duckdb.DuckDBPyConnection,
    table: str,
    snapshot: int,
    renamed: str = "",
    parameters: list[object] | None = None,
) -> None:
    """The table's rows as of a snapshot, in the table's order.

    They are read before the live ones are deleted: a transaction sees a file that it has deleted as empty,
    also as of an earlier snapshot that has the same file.
    """
    order = ", ".join(f'"{column}"' for column in TABLES[table].sort) or "all"
    then = f"{table} at (version => {int(snapshot)})"
    con.execute(
        f"create or replace temp table {_THEN} as select * {renamed} from {then} order by {order}",
        parameters or [],
    )
    con.execute(f"delete from {table}")
    con.execute(f"insert into {table} by name from {_THEN}")
    con.execute(f"drop table {_THEN}")


def _restore_unlisted(con: duckdb.DuckDBPyConnection, snapshot: int) -> None:
    """What no list knew then, and every batch since."""
    since = con.execute(
        "select batch_id, source from ops.ingests except"
        f" select batch_id, source from ops.ingests at (version => {int(snapshot)})"
    ).fetchall()
    _restore(con, "ops.unlisted_batches", snapshot)
    rows = [{"batch_id": batch_id, "source": source, "after": None} for batch_id, source in since]
    insert_rows(con, "ops.unlisted_batches", rows)
