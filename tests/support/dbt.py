"""Any dbt command on a test's lake; what DAGs run is the operator (tests/dbt/test_dbt_operator.py)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from include.dbt_build import PROJECT, dbt_environment, dbt_writes
from include.errors import DataError
from include.lake.catalog import find_catalog
from include.settings import Settings


def run_dbt(settings: Settings, arguments: list[str]) -> Any:
    """Invoke dbt in this process, as ``["build", "--select", "path:models/marts"]``; returns its result.

    Raises DataError naming each model or test that failed, with dbt's message.
    """
    from dbt.cli.main import dbtRunner

    with _environment(dbt_environment(settings)), dbt_writes(settings, "dbt"):
        outcome = dbtRunner().invoke(
            [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
        )
    if not outcome.success:
        message = f"dbt {' '.join(arguments)} failed: {_failures(outcome)}"
        raise DataError(find_catalog(settings).hide_password(message))
    return outcome.result


def _failures(outcome: Any) -> str:
    if outcome.exception is not None:
        return str(outcome.exception)
    failed = [
        f"{result.node.name}: {' '.join(str(result.message).split())}"
        for result in getattr(outcome.result, "results", ())
        if result.status in ("error", "fail")
    ]
    return "; ".join(failed) or "see the log of dbt"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables while the block runs: dbt reads its profile's from nowhere else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
