"""The column mapping of a source: which columns of a file its SQL expressions read."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from include.config.domain import FIELDS, SourceConfig
from include.contracts import REQUIRED
from include.errors import ConfigError
from include.lake.catalog import quote


def field_expressions(source: SourceConfig) -> dict[str, str]:
    """Contract field -> SQL over the file's columns, for every field that the mapping gives."""
    if source.columns:
        return dict(source.columns)
    return {field: '"' + field + '"' for field in FIELDS[source.kind]}


def needed_columns(con: duckdb.DuckDBPyConnection, source: SourceConfig) -> tuple[str, ...]:
    """Columns that a file must have: all that the mapping and the rules name; without a mapping the
    contract's required fields.  Raises ConfigError on SQL that does not parse."""
    if not source.columns:
        return REQUIRED[source.kind]
    return read_columns(con, source)


def read_columns(con: duckdb.DuckDBPyConnection, source: SourceConfig) -> tuple[str, ...]:
    """Columns that the mapping and the rules read, in order of first use."""
    found: dict[str, None] = {} if source.columns else dict.fromkeys(FIELDS[source.kind])
    for field, expression in source.columns.items():
        key = f"sources.{source.kind}.columns.{field}"
        found.update(dict.fromkeys(_column_names(con, expression, key)))
    for i, rule in enumerate(source.reject):
        key = f"sources.{source.kind}.reject[{i}].when"
        found.update(dict.fromkeys(_column_names(con, rule.when, key)))
    return tuple(found)


def _column_names(con: duckdb.DuckDBPyConnection, expression: str, key: str) -> list[str]:
    row = con.execute("select json_serialize_sql(?)", [f"select {expression}"]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    if tree.get("error"):
        message = f"SQL that DuckDB understands ({tree.get('error_message')})"
        raise ConfigError(key, expression, message)
    if len(tree["statements"]) != 1 or _holds_query(tree["statements"][0]["node"]["select_list"]):
        raise ConfigError(key, expression, "one expression over the file's columns, without a query")
    return _references(tree["statements"][0]["node"]["select_list"])


def _references(node: Any) -> list[str]:
    """Names of all column references below a node of DuckDB's serialised syntax tree."""
    if isinstance(node, list):
        return [name for child in node for name in _references(child)]
    if not isinstance(node, dict):
        return []
    if node.get("class") == "COLUMN_REF":
        return [str(node["column_names"][-1])]
    bound = {name for name in _lambda_parameters(node)}
    return [name for child in node.values() for name in _references(child) if name not in bound]


def _lambda_parameters(node: dict[str, Any]) -> list[str]:
    return _references(node["lhs"]) if node.get("class") == "LAMBDA" and "lhs" in node else []


def _holds_query(node: Any) -> bool:
    """A mapping reads the row at hand and nothing else: no table, no file."""
    if isinstance(node, list):
        return any(_holds_query(child) for child in node)
    if not isinstance(node, dict):
        return False
    return node.get("class") == "SUBQUERY" or any(_holds_query(child) for child in node.values())


def json_pointer(column: str) -> str:
    """The JSON pointer of a key, as a SQL literal (RFC 6901)."""
    return quote("/" + column.replace("~", "~0").replace("/", "~1"))
