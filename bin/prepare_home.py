"""Make NIGHTJAR_HOME ready: folders, Airflow's login and database. Quick when nothing is to do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bin.env import LOGIN, process_environment
from include.installation import SHARE
from include.whole_files import whole_file

FOLDERS = (
    "landing/events",
    "landing/items",
    "landing/users",
    "landing/relations",
    "lake",
    "models",
    "reports",
    "airflow/logs",
)


def prepare_home(env: Mapping[str, str]) -> Path:
    """Create what env's NIGHTJAR_HOME lacks and migrate Airflow's database; returns NIGHTJAR_HOME."""
    home = Path(env["NIGHTJAR_HOME"])
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    passwords = Path(env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    _write_login(passwords, env.get("NIGHTJAR_UI_PASSWORD"))
    database = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    stamp = home / "airflow" / "database_stamp"
    # The URL may hold a password: only its digest is kept.
    wanted = hashlib.sha256(f"{version('apache-airflow-core')} {database}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted or _is_missing(database):
        _migrate(env, database)
        stamp.write_text(wanted)
    return home


def _write_login(passwords: Path, password: str | None) -> None:
    """password: NIGHTJAR_UI_PASSWORD, which wins over the file; None: the file's stays, or LOGIN's."""
    held = json.loads(passwords.read_text()) if passwords.is_file() else None
    wanted = {**(held or dict([LOGIN])), **({LOGIN[0]: password} if password else {})}
    if wanted != held:
        with whole_file(passwords) as partial:
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(wanted) + "\n")


def _is_missing(database: str) -> bool:
    return database.startswith("sqlite:///") and not Path(database.removeprefix("sqlite:///")).is_file()


def _migrate(env: Mapping[str, str], database: str) -> None:
    template = SHARE / "airflow.db"
    if _is_missing(database) and template.is_file():
        target = Path(database.removeprefix("sqlite:///"))
        with whole_file(target) as partial:
            shutil.copyfile(template, partial)
        return
    print("setup: migrating Airflow's database", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=dict(env), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"setup: airflow db migrate failed:\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    prepare_home(process_environment(os.environ))
