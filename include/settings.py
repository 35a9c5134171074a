"""Settings: the only place that reads the environment and the clock.

Everything else gets paths, instants and seeds passed in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from include.errors import ConfigError
from include.installation import DUCKDB_EXTENSIONS, REPO
from include.passwords import hide_passwords

# One seed for all: the same rows give the same lists.
SEED = 42
DOMAINS = REPO / "include" / "domains"


@dataclass(frozen=True)
class Settings:
    """Where a Nightjar installation reads and writes.

    home: folder that holds everything Nightjar writes (``NIGHTJAR_HOME``).
    config: the domain file (``NIGHTJAR_CONFIG``; a path, or the name of a file in include/domains/).
    lake: catalog of the lake (``NIGHTJAR_LAKE``): ``sqlite:PATH`` or ``postgres:LIBPQ-STRING``,
        optionally followed by ``;data=PATH`` where PATH may be an ``s3://`` address.
    spark_master: ``NIGHTJAR_SPARK_MASTER``.
    extensions: where set-up installed DuckDB's extensions (``NIGHTJAR_DUCKDB_EXTENSIONS``).
    chat_key: what the chat model's server asks for (``NIGHTJAR_CHAT_KEY``).
    """

    home: Path
    config: Path
    lake: str = field(repr=False)  # may hold a password
    spark_master: str
    extensions: Path
    chat_key: str | None = field(default=None, repr=False)

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def lake_dir(self) -> Path:
        return self.home / "lake"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def runs(self) -> Path:
        """Manifests and intermediate files of DAG runs, a folder a run."""
        return self.home / "runs"

    @property
    def attach_sql(self) -> Path:
        return self.lake_dir / "attach.sql"

    def make_folders(self) -> None:
        """Create the folders that the landing contract and the lake need; existing ones stay."""
        # What people did is nobody else's: others on the machine see nothing, unless they are let in.
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            *(self.landing / kind for kind in ("events", "items", "users", "relations")),
            self.lake_dir,
            self.models,
            self.reports,
            self.runs,
            # A sort that does not fit in memory makes its folder below this one, and no more than that.
            self.home / "tmp",
        ):
            folder.mkdir(parents=True, exist_ok=True)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.  Raises ConfigError on a value that cannot be used."""
    env = os.environ if environ is None else environ
    home = Path(env.get("NIGHTJAR_HOME") or REPO / ".nightjar").expanduser().absolute()
    lake = env.get("NIGHTJAR_LAKE") or f"sqlite:{home / 'lake' / 'catalog.sqlite'}"
    if lake.partition(":")[0] not in ("sqlite", "postgres"):
        shown = hide_passwords(lake)
        raise ConfigError("NIGHTJAR_LAKE", shown, "sqlite:PATH or postgres:LIBPQ-STRING")
    return Settings(
        home=home,
        config=_config_path(env.get("NIGHTJAR_CONFIG") or "movies"),
        lake=lake,
        spark_master=env.get("NIGHTJAR_SPARK_MASTER") or "local[*]",
        extensions=Path(env.get("NIGHTJAR_DUCKDB_EXTENSIONS") or DUCKDB_EXTENSIONS),
        chat_key=env.get("NIGHTJAR_CHAT_KEY") or None,
    )


def _config_path(value: str) -> Path:
    shipped = DOMAINS / f"{value}.yaml"
    path = shipped if shipped.is_file() else Path(value).expanduser().absolute()
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in DOMAINS.glob("*.yaml")))
        raise ConfigError("NIGHTJAR_CONFIG", value, f"the path of a YAML file, or one of: {names}")
    return path


def utc_now() -> datetime:
    """The wall clock, naive UTC: for ``ingested_at`` and for a cutoff under ``clock: wall`` only."""
    return datetime.now(UTC).replace(tzinfo=None)
