"""Texts of the contract in the dbt project: its tables' and columns' descriptions, written in place.

Only the texts are the contract's. Tests, freshness and columns that a staging model adds stay as they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from include.contracts import TABLES, VIEWS
from include.installation import REPO

_READ = {**TABLES, **VIEWS}
STAGING = REPO / "dbt_project" / "models" / "staging"
_NAME = re.compile(r"^(?P<indent> *)- name: (?P<name>\w+)$")
_DESCRIPTION = re.compile(r"^(?P<start> *description: ).*$")
# Where a source's tables stand; deeper are columns. In a model's own file columns stand here.
_TABLE_INDENT = 6


def written_anew(path: Path) -> str:
    """A file of models/staging with every text that the contract has."""
    table = _READ[_table_of_model(path.stem)] if path.stem.startswith("stg_") else None
    schema, text, lines = "", "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"^    schema: (\w+)$", line):
            schema = found[1]
        elif found := _NAME.match(line):
            if table is None or (schema and len(found["indent"]) == _TABLE_INDENT):
                table = _READ.get(f"{schema}.{found['name']}")
                text = f"One row per {table.grain}." if table else ""
            else:
                text = next((column.doc for column in table.columns if column.name == found["name"]), "")
        elif text and (found := _DESCRIPTION.match(line)):
            line = found["start"] + json.dumps(text, ensure_ascii=False)
            text = ""
        lines.append(line)
    return "\n".join(lines) + "\n"


def _table_of_model(model: str) -> str:
    name = model.removeprefix("stg_")
    (path,) = (path for path, table in _READ.items() if table.name == name and table.schema != "archive")
    return path
