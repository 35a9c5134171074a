"""docs/contracts.md says what the code does."""

from __future__ import annotations

from include.contracts import TABLES, VIEWS
from include.contracts_page import PAGE, written_anew
from include.landing.quarantine_reasons import REASONS


def test_what_the_page_says_of_the_lake_is_written_from_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written_anew(page), "run: make contracts"
    assert page.count("\n### `") == len(TABLES) + len(VIEWS)
    assert page.count("\n| `unreadable` |") == 1
    assert [reason for reason in REASONS if f"\n| `{reason}` |" not in page] == []
