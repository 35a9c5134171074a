"""Every query that README and docs show runs as written, on a lake that attach.sql attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from include.installation import REPO
from include.lake.lake import Lake
from include.settings import Settings
from tests.support.snippets import run_snippet

# The queries of analysts.md are files, asked on built marts in tests/dbt.
PAGES = (
    REPO / "README.md",
    *(page for page in sorted((REPO / "docs").glob("*.md")) if page.name != "analysts.md"),
)
# Written as `select …`, as Q="…", or as an indented statement that goes on for some lines.
QUERY = re.compile(
    r'`((?:select|from) [^`]*nightjar[^`]*)`|Q="([^"]*)"'
    r"|^    ((?:select|from nightjar)[^\n]*(?:\n    [^\n]+)*)",
    re.MULTILINE,
)


def queries() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in QUERY.findall(page.read_text(encoding="utf-8")):
            yield page.name, " ".join(next(text for text in found if text).split("--")[0].split())


QUERIES = sorted(set(queries()))


@pytest.fixture
def reader(settings: Settings, lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(settings.attach_sql.read_text())
        yield con


def test_queries_are_found() -> None:
    assert len(QUERIES) >= 10
    assert {page for page, _ in QUERIES} >= {"README.md", "contracts.md", "models.md", "operations.md"}


@pytest.mark.parametrize(("page", "query"), QUERIES)
def test_a_query_of_the_docs_runs_as_written(
    reader: duckdb.DuckDBPyConnection, page: str, query: str
) -> None:
    newest = reader.execute("select max(snapshot) from nightjar.serving.publications").fetchone()
    assert newest is not None
    # The one thing that a reader fills in: which snapshot.
    reader.execute(query.replace("at (version => 42)", f"at (version => {newest[0]})")).fetchall()


def test_the_readmes_snippet_runs_as_written(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    environ = {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    run_snippet("README.md", environ, tmp_path)
