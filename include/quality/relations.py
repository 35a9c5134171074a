"""The relations of a gate, as temporary views on the connection that is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb

from include.errors import DataError
from include.quality.check_kinds import FIGURES, Check, figures_sql

PREFIX = "gate_"


@contextmanager
def gate_views(
    con: duckdb.DuckDBPyConnection,
    relations: Mapping[str, str],
    expected: Sequence[str],
    checks: tuple[Check, ...],
) -> Iterator[None]:
    """Make ``gate_<name>`` for each relation, and gate_figures, while the block runs.

    relations: name -> anything that may follow FROM: a table, ``read_parquet('…')``, a query in brackets.
    Raises DataError where one of ``expected`` is not given: a check that has nothing to look at would pass.
    """
    missing = [name for name in expected if name not in relations]
    if missing:
        raise DataError(
            f"the gate was given the relations {', '.join(sorted(relations))}; missing: {', '.join(missing)}"
        )
    made = []
    try:
        for name in expected:
            con.execute(f"create or replace temp view {PREFIX}{name} as select * from {relations[name]}")
            made.append(name)
        con.execute(f"create or replace temp view {PREFIX}{FIGURES} as {figures_sql(checks)}")
        made.append(FIGURES)
        yield
    finally:
        for name in reversed(made):
            con.execute(f"drop view if exists temp.{PREFIX}{name}")
