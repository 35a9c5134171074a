"""The header line of a CSV file: its delimiter and its columns."""

from __future__ import annotations

import csv
from collections.abc import Collection

from include.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
# Longer than any honest header; a binary file may have no newline at all.
MAX_HEADER_CHARS = 1 << 20
# Reading takes buffers a column: 4,000 of them do not fit into the memory that a batch may take.
MAX_COLUMNS = 1_000


def read_header(line: str, needed: Collection[str], name: str) -> tuple[str, tuple[str, ...]]:
    """Delimiter and column names.  Of the delimiters the one that finds most of ``needed`` wins, then most
    columns, then the earlier of , ; tab |.  Raises DataError on an unusable header."""
    wanted = {column.lower() for column in needed}
    best: tuple[str, tuple[str, ...]] = (",", ())
    best_score = (-1, -1)
    for delimiter in DELIMITERS:
        try:
            row = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error as error:
            raise DataError(f"{name} has no readable CSV header: {error}") from error
        columns = tuple(column.strip() for column in row)
        score = (len(wanted & {column.lower() for column in columns}), len(columns))
        if score > best_score:
            best, best_score = (delimiter, columns), score
    return best[0], _checked(best[1], name)


def check_width(columns: int, name: str) -> None:
    """Raises DataError on more columns than are read."""
    if columns > MAX_COLUMNS:
        raise DataError(f"{name} has {columns:,} columns; at most {MAX_COLUMNS:,} are read")


def _checked(columns: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Names for nameless columns (an index column that was written along); no name twice."""
    check_width(len(columns), name)
    columns = tuple(column or f"column_{i}" for i, column in enumerate(columns, start=1))
    seen: set[str] = set()
    for column in columns:
        if column.lower() in seen:
            raise DataError(f"{name} has the column {column!r} twice in its header")
        seen.add(column.lower())
    return columns
