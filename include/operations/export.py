"""All that is held on one person, as one JSON file that its owner alone can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from include.config.domain import Domain
from include.errors import DataError
from include.lake.lake import Lake
from include.operations.file_search import PERSON
from include.operations.person_rows import quarantined_sql
from include.operations.traces import find_traces, person_tables


def export_user(lake: Lake, domain: Domain, user_id: str, file: Path) -> dict[str, int]:
    """Write every row that names the person, by table, and which files do; returns rows a table.

    Raises DataError where nothing does: a wrong id must not look like a person of whom nothing is held.
    """
    found = find_traces(lake, domain, user_id)
    if not found.rows and not found.landing:
        raise DataError(
            f"nothing is held on user {user_id[:80]!r}; expected an id as the landed rows have it"
        )
    tables = {
        table: _rows(lake, f"select * from {table} where {PERSON} = ?", [user_id])
        for table in person_tables(lake)
        if table in found.tables
    }
    if "raw.quarantine" in found.tables:
        theirs = quarantined_sql(domain, user_id)
        tables["raw.quarantine"] = _rows(lake, f"select * from raw.quarantine where {theirs}", [])
    body = {
        PERSON: user_id,
        "tables": tables,
        "landing_files": list(found.landing),
        "other_files": list(found.files),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.tmp")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(body, indent=1, default=str) + "\n", encoding="utf-8")
    partial.replace(file)
    return {table: len(rows) for table, rows in tables.items()}


def _rows(lake: Lake, sql: str, parameters: list[object]) -> list[dict[str, Any]]:
    found = lake.con.execute(sql, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
