"""The lake's tables, made from the contracts: what is missing of them, and never over another lake's data."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

import duckdb

from include.contracts import SCHEMAS, TABLES, VIEWS, Table
from include.errors import LakeError
from include.lake.catalog import ALIAS, Catalog, quote
from include.lake.transactions import roll_back
from include.passwords import hide_passwords
from include.whole_files import write_whole

# In the lake's folder: which tables and columns there are.
MARK = "tables.sha256"
# Of what ticks add to. A delete writes anew what was ever deleted of each file it meets, and a merge may
# rewrite a file that is not full yet: both cost a file's size at most. In small row groups, sorted by user, a
# refresh and a reader meet those of the users at hand only.
_FILE_OPTIONS = {
    "raw.events": {"target_file_size": "32MB"},
    "features.user_items": {"target_file_size": "32MB"},
    "features.user_portraits": {"target_file_size": "8MB", "parquet_row_group_size": "2048"},
    "serving.candidate_lists": {"target_file_size": "8MB", "parquet_row_group_size": "2048"},
    "serving.recommendations": {"target_file_size": "4MB", "parquet_row_group_size": "16384"},
}


def is_older(lake_dir: Path) -> bool:
    """Whether the lake was last opened for writing by a version with other tables or columns."""
    mark = lake_dir / MARK
    return not mark.is_file() or mark.read_text(encoding="utf-8").strip() != _digest()


def mark_current(lake_dir: Path) -> None:
    """Say that the lake has all tables and columns of this version."""
    if is_older(lake_dir):
        write_whole(lake_dir / MARK, _digest() + "\n")


@cache
def _digest() -> str:
    names = [f"{table.path}.{column}" for table in TABLES.values() for column in table.column_names]
    return hashlib.sha256("\n".join([*names, *VIEWS]).encode()).hexdigest()


def create_tables(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Make what is missing: schemas, tables, and columns that a newer version added."""
    known = _known_columns(con)
    missing = [
        table for table in TABLES.values() if not set(table.column_names) <= known.get(table.path, set())
    ]
    views = [view for view in VIEWS.values() if view.path not in known]
    if not missing and not views:
        return
    if not known:
        refuse_orphaned_data(catalog)
    con.execute("begin")
    try:
        for schema in SCHEMAS:
            con.execute(f"create schema if not exists {ALIAS}.{schema}")
        for table in missing:
            _create_table(con, table, known.get(table.path))
        for view in views:
            # Its tables go by the name that any client attaches the lake under.
            con.execute(
                f"create view {ALIAS}.{view.path} as"
                f" {re.sub(r'(?<=from )(?=(?:serving|features)[.])', f'{ALIAS}.', view.sql)}"
            )
            con.execute(f"comment on view {ALIAS}.{view.path} is {quote('one row per ' + view.grain)}")
        con.execute("commit")
    except BaseException:
        roll_back(con)
        raise
    for table in missing:
        for option, value in _FILE_OPTIONS.get(table.path, {}).items():
            con.execute(
                f"call {ALIAS}.set_option({quote(option)}, {quote(value)},"
                f" schema => {quote(table.schema)}, table_name => {quote(table.name)})"
            )


def _known_columns(con: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """Table or view -> its columns; none are listed for a view.

    From DuckLake's own tables: information_schema binds every view anew, which took most of an opening.
    """
    meta = f"__ducklake_metadata_{ALIAS}"
    known: dict[str, set[str]] = {}
    for schema, name, column in con.execute(
        f"""
        select schemas.schema_name, tables.table_name, columns.column_name
        from {meta}.ducklake_column as columns
        inner join {meta}.ducklake_table as tables on columns.table_id = tables.table_id
        inner join {meta}.ducklake_schema as schemas on tables.schema_id = schemas.schema_id
        where columns.end_snapshot is null and tables.end_snapshot is null and columns.parent_column is null
        union all
        select schemas.schema_name, views.view_name, null
        from {meta}.ducklake_view as views
        inner join {meta}.ducklake_schema as schemas on views.schema_id = schemas.schema_id
        where views.end_snapshot is null
        """
    ).fetchall():
        columns = known.setdefault(f"{schema}.{name}", set())
        if column is not None:
            columns.add(column)
    return known


def _create_table(con: duckdb.DuckDBPyConnection, table: Table, known: set[str] | None) -> None:
    path = f"{ALIAS}.{table.path}"
    if known is not None:
        for column in table.columns:
            if column.name not in known:
                con.execute(f'alter table {path} add column "{column.name}" {column.type}')
        return
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    con.execute(f"create table {path} ({columns})")
    con.execute(f"comment on table {path} is {quote('one row per ' + table.grain)}")
    for column in table.columns:
        con.execute(f'comment on column {path}."{column.name}" is {quote(column.doc)}')
    if table.path == "ops.fence":
        con.execute(f"insert into {path} values ('writer', 0, 'setup')")


def refuse_orphaned_data(catalog: Catalog) -> None:
    """Refuse to begin a new lake over the data of another, whose catalog was lost, or is another one.

    It would take everything in again and publish empty lists. Raises LakeError with what to do.
    """
    if not catalog.is_local or not Path(catalog.data).is_dir():
        return
    # All that is written before the first commit is the fence.
    held = next((path for path in Path(catalog.data).rglob("*.parquet") if path.parent.name != "fence"), None)
    if held is not None:
        raise LakeError(
            f"{catalog.data} holds a lake's data and {hide_passwords(catalog.target)} no catalog of it: is"
            " NIGHTJAR_LAKE another one than before? Else restore the catalog from a backup"
            " (docs/operations.md, Repair); to begin a new lake, move that folder away"
        )
