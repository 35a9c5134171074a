"""The lake part of docs/contracts.md, written from include/contracts.py.

``python -m include.contracts_page`` rewrites it in place.
"""

from __future__ import annotations

from include.contracts import TABLES, VIEWS, Table, View
from include.installation import REPO

PAGE = REPO / "docs" / "contracts.md"
BEGIN = "<!-- written by python -m include.contracts_page from include/contracts.py -->"


def render_tables() -> str:
    """Markdown of every lake table and view: its grain, its columns with types and meaning."""
    return "\n".join(_render(table) for table in (*TABLES.values(), *VIEWS.values()))


def with_tables(page: str) -> str:
    """The page with everything after the marker written anew."""
    head, marker, _ = page.partition(BEGIN)
    return head + marker + "\n\n" + render_tables()


def _render(table: Table) -> str:
    lines = [f"### `{table.path}`", "", f"One row per {table.grain}."]
    if table.partition:
        lines[-1] += f" Partitioned by {', '.join(table.partition)}."
    if isinstance(table, View):
        lines[-1] += " A view."
    lines += ["", "| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{column.name}` | {column.type} | {column.doc} |" for column in table.columns]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
