"""What dbt needs to run on the lake; plugins/lake_dbt.py runs it.

dbt writes the lake with a connection of its own, so that whoever runs it holds the writer lock. What
it writes beside the lake (target/, logs/) goes below NIGHTJAR_HOME, never into the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.installation import REPO
from include.lake.catalog import find_catalog
from include.lake.lock import writer_lock
from include.settings import Settings

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
