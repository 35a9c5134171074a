"""Where a person is named: in tables, and in every file below NIGHTJAR_HOME, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from include.config.domain import Domain
from include.lake.catalog import ALIAS
from include.lake.lake import Lake
from include.operations.catalog_file import apart
from include.operations.file_search import PERSON
from include.operations.person_rows import PersonFile, find_person_files, quarantined_sql

SHOWN_FILES = 10


@dataclass(frozen=True)
class Traces:
    """tables: table -> rows of the person.  landed: landing files with rows of theirs.
    files: other files below the home that name them."""

    tables: dict[str, int]
    landed: tuple[PersonFile, ...]
    files: tuple[str, ...]

    @property
    def landing(self) -> tuple[str, ...]:
        """Names of the landing files."""
        return tuple(file.name for file in self.landed)

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    def describe(self) -> str:
        if not self.rows and not self.landing and not self.files:
            return "nothing below NIGHTJAR_HOME names the person"
        tables = ", ".join(f"{table} {rows:,}" for table, rows in self.tables.items()) or "no table"
        named = (*(f"landed {name}" for name in self.landing), *self.files)
        files = ", ".join(named[:SHOWN_FILES]) or "no file"
        more = f" and {len(named) - SHOWN_FILES} more" if len(named) > SHOWN_FILES else ""
        return f"rows: {tables}; files: {files}{more}"


def find_traces(lake: Lake, domain: Domain, user_id: str) -> Traces:
    """Reads every table with a user_id, every landing file, and every other file below the home."""
    tables = {table: n for table, n in _rows_of(lake, domain, user_id) if n}
    landed = tuple(find_person_files(domain, lake.settings, user_id))
    files = apart("search", home=str(lake.settings.home), user_id=user_id)
    return Traces(tables, landed, tuple(sorted(files)))


def person_tables(lake: Lake) -> list[str]:
    """Tables of the lake, of whatever schema, that have a user_id."""
    rows = lake.rows(
        "select columns.schema_name || '.' || columns.table_name from duckdb_columns() as columns"
        " inner join duckdb_tables() as tables using (database_name, schema_name, table_name)"
        " where columns.database_name = ? and columns.column_name = ? order by 1",
        [ALIAS, PERSON],
    )
    return [table for (table,) in rows]


def _rows_of(lake: Lake, domain: Domain, user_id: str) -> Iterator[tuple[str, int]]:
    for table in person_tables(lake):
        yield table, lake.value(f"select count(*) from {table} where {PERSON} = ?", [user_id])
    theirs = quarantined_sql(domain, user_id)
    yield "raw.quarantine", lake.value(f"select count(*) from raw.quarantine where {theirs}")
