"""The tests that docs/reliability.md names are there."""

from __future__ import annotations

import re

from include.installation import REPO

PAGE = REPO / "docs" / "reliability.md"


def test_every_test_that_the_page_names_exists() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
    assert len(lines) > 20
    known = {path.name: path for path in (REPO / "tests").rglob("test_*.py")}
    for line in lines:
        file = None
        for name in re.findall(r"`([^`]+)`", line.split(" | ")[-1]):
            path, _, test = name.partition("::")
            if path.endswith(".py"):
                file = REPO / path if "/" in path else known[path]
                assert file.is_file(), path
            if test:
                assert file is not None and f"def {test}(" in file.read_text(), name
