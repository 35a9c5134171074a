"""What docs/contracts.md says of the lake and of quarantine, written from the code.

``make contracts`` rewrites it in place.
"""

from __future__ import annotations

from include.contracts import TABLES, VIEWS, Table, View
from include.installation import REPO
from include.landing.quarantine_reasons import REASONS

PAGE = REPO / "docs" / "contracts.md"
BEGIN_REASONS, END_REASONS = "<!-- reasons -->", "<!-- end of reasons -->"
BEGIN = "<!-- written by `make contracts` from include/contracts.py -->"


def render_tables() -> str:
    """Markdown of every lake table and view: its grain, its columns with types and meaning."""
    return "\n".join(_render(table) for table in (*TABLES.values(), *VIEWS.values()))


def render_reasons() -> str:
    """Markdown of every reason for which a row is quarantined."""
    rows = [f"| `{reason}` | {when} |" for reason, when in REASONS.items()]
    return "\n".join(["| reason | when |", "|---|---|", *rows]) + "\n"


def written_anew(page: str) -> str:
    """The page with its reasons, and everything after the last marker, as the code has them."""
    head, _, rest = page.partition(BEGIN_REASONS)
    _, end, middle = rest.partition(END_REASONS)
    page = head + BEGIN_REASONS + "\n" + render_reasons() + end + middle
    head, marker, _ = page.partition(BEGIN)
    return head + marker + "\n\n" + render_tables()


def _render(table: Table) -> str:
    lines = [f"### `{table.path}`", "", f"One row per {table.grain}."]
    if isinstance(table, View):
        lines[-1] += " A view."
    lines += ["", "| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{column.name}` | {column.type} | {column.doc} |" for column in table.columns]
    return "\n".join(lines) + "\n"
