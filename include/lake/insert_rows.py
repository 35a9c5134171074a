"""Python rows into a lake table: by column name, as one statement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from include.contracts import TABLES
from include.errors import LakeError

# Others are left to Arrow to tell from the values, and to DuckDB to cast.
_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
}


def as_json(value: object) -> str:
    """The text of a JSON column: keys in order, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, default=str)


def insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows into a table of the contract, for use inside one ``Lake.write``.

    table: schema.name.  rows: column name -> value; a column that a row leaves out is NULL.
    One statement, one Parquet file: ``executemany`` writes a file a row.
    Raises LakeError on a name that is no column of the table.
    """
    types = {column.name: column.type for column in TABLES[table].columns}
    unknown = sorted({name for row in rows for name in row} - types.keys())
    if unknown:
        raise LakeError(f"{table} has no column {', '.join(unknown)}; expected {', '.join(types)}")
    if not rows:
        return
    arrays = {
        name: pa.array([row.get(name) for row in rows], _ARROW.get(type_)) for name, type_ in types.items()
    }
    con.register("rows_to_insert", pa.table(arrays))
    try:
        con.execute(f"insert into {table} by name select * from rows_to_insert")
    finally:
        con.unregister("rows_to_insert")
