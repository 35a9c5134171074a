"""docs/contracts.md says what the code does."""

from __future__ import annotations

from include.contracts import TABLES, VIEWS
from include.contracts_page import PAGE, with_tables
from include.landing.quarantine_reasons import ROW, WHOLE_FILE


def test_lake_part_is_written_from_the_contract() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run: python -m include.contracts_page"
    assert page.count("\n### `") == len(TABLES) + len(VIEWS)


def test_every_reason_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [reason for reason in (*WHOLE_FILE, *ROW) if f"`{reason}`" not in page] == []
