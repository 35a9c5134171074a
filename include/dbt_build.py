"""Running the dbt project on the lake.

dbt writes the lake with a connection of its own, so that whoever runs it holds the writer lock. What
it writes beside the lake (target/, logs/) goes below NIGHTJAR_HOME, never into the project.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.errors import DataError
from include.installation import REPO
from include.lake.catalog import find_catalog
from include.lake.lock import writer_lock
from include.settings import Settings

log = logging.getLogger(__name__)
PROJECT = REPO / "dbt_project"


def dbt_folder(settings: Settings) -> Path:
    """Where dbt keeps its manifest, its parse cache, its results and its logs."""
    return settings.home / "dbt"


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that profiles.yml reads, and where dbt writes.  One value may hold a password."""
    catalog = find_catalog(settings)
    folder = dbt_folder(settings)
    password = catalog.password
    # dbt keeps the values of such variables out of its logs; an error may repeat the password alone.
    secrets = {"DBT_ENV_SECRET_NIGHTJAR_PASSWORD": password} if password else {}
    return {
        **secrets,
        "NIGHTJAR_DBT_CATALOG": catalog.kind,
        "DBT_ENV_SECRET_NIGHTJAR_CATALOG": f"ducklake:{catalog.kind}:{catalog.target}",
        "NIGHTJAR_DBT_DATA": catalog.data,
        "NIGHTJAR_DBT_EXTENSIONS": str(settings.extensions),
        "NIGHTJAR_DBT_TEMP": str(settings.home / "tmp" / "duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def dbt_writes(settings: Settings, holder: str) -> Iterator[None]:
    """Hold the lake's writer lock while dbt runs: two writers at once collide."""
    dbt_folder(settings).mkdir(parents=True, exist_ok=True)
    with writer_lock(settings.lake_dir / "writer.lock", holder):
        yield


def run_dbt(settings: Settings, arguments: list[str], *, holder: str = "dbt") -> Any:
    """Invoke dbt in this process, as ``["build", "--select", "path:models/marts"]``; returns its result.

    Raises DataError naming each model or test that failed, with dbt's message.
    """
    from dbt.cli.main import dbtRunner

    started = time.monotonic()
    with _environment(dbt_environment(settings)), dbt_writes(settings, holder):
        outcome = dbtRunner().invoke(
            [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
        )
    log.info("dbt %s in %.1f s", " ".join(arguments), time.monotonic() - started)
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
