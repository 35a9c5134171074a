"""Where the lake's catalog and data are, and the SQL that attaches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from include.passwords import hide_passwords, passwords_in, without_passwords
from include.settings import Settings

ALIAS = "nightjar"


@dataclass(frozen=True)
class Catalog:
    """kind: sqlite or postgres.  target: path, libpq string or URL.  data: folder or s3:// address."""

    kind: str
    target: str = field(repr=False)  # may hold a password
    data: str

    @property
    def is_local(self) -> bool:
        """Whether the data lies in a folder."""
        return "://" not in self.data

    @property
    def extensions(self) -> tuple[str, ...]:
        return ("ducklake", self.kind)

    def attach(
        self,
        *,
        read_only: bool,
        snapshot: int | None = None,
        secrets: bool = True,
        busy_ms: int = 10_000,
    ) -> str:
        """The ATTACH statement.

        secrets: with the password that the setting may hold.  busy_ms: how long a statement waits for the
        SQLite file of the catalog, which DuckDB's SQLite does in whole seconds.
        """
        options = [f"data_path {quote(self.data)}"]
        if self.kind == "sqlite":
            # Without WAL a reader blocks the writer for seconds and fails.
            options += ["meta_journal_mode 'WAL'", f"meta_busy_timeout {int(busy_ms)}"]
        if not read_only:
            # Rows kept inside the catalog break a later schema change followed by a rewrite.
            options.append("data_inlining_row_limit 0")
        if read_only:
            options.append("read_only")
        if snapshot is not None:
            options.append(f"snapshot_version {int(snapshot)}")
        target = self.target if secrets else without_passwords(self.target)
        return f"attach {quote(f'ducklake:{self.kind}:{target}')} as {ALIAS} ({', '.join(options)})"

    @property
    def password(self) -> str | None:
        return next(passwords_in(self.target), None)

    def hide_password(self, text: str) -> str:
        """``text`` without the catalog's password: a database repeats its address when it is not reached."""
        return hide_passwords(text, self.target)


# For each read_parquet and read_csv: DuckDB would take a folder named column=value on the path for a column,
# before the file's own of that name.
NO_PATH_COLUMNS = "hive_partitioning = false"


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def find_catalog(settings: Settings) -> Catalog:
    """The catalog that the setting ``NIGHTJAR_LAKE`` names."""
    address, _, rest = settings.lake.partition(";data=")
    kind, _, target = address.partition(":")
    data = rest or str(settings.lake_dir / "data")
    if "://" not in data:
        data = str(Path(data).expanduser().absolute())
    return Catalog(kind, target, data.rstrip("/") + "/")


def extension_statements(catalog: Catalog, folder: Path) -> list[str]:
    """Statements that load the extensions from ``folder``, where set-up put them.

    ``install`` of one that is there does nothing, so that nothing is fetched at run time; a client of
    another DuckDB version finds none of its own there and downloads it when it runs attach.sql.
    """
    statements = [f"set extension_directory = {quote(str(folder))}"]
    for name in catalog.extensions:
        statements += [f"install {name}", f"load {name}"]
    return statements


def attach_script(settings: Settings) -> str:
    """The text of attach.sql: any DuckDB client that runs it has the lake attached, read-only."""
    catalog = find_catalog(settings)
    lines = [
        "-- Attaches the lake read-only as `nightjar`. Written by Nightjar; do not edit.",
        "-- select * from nightjar.serving.recommendations;",
        *extension_statements(catalog, settings.extensions),
        catalog.attach(read_only=True, secrets=False).replace("attach ", "attach if not exists ", 1),
    ]
    return "\n".join(line if line.startswith("--") else line + ";" for line in lines) + "\n"
