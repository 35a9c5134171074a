"""The one place that decides what environment a Nightjar process runs in.

    .venv/bin/python -m bin.env COMMAND ARGS...       run COMMAND in it
    eval "$(.venv/bin/python -m bin.env --export)"    take it into this shell

Standard library only (include/installation.py likewise): it runs before anything is imported; some 50 ms.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from include.installation import DUCKDB_EXTENSIONS, JAVA_SHIM_HOME, REPO, installed_java

LOGIN = ("admin", "admin")  # without NIGHTJAR_UI_PASSWORD; `make airflow` listens on loopback only

# Part of an address, or a pattern, to SQLAlchemy, Airflow's configuration, Spark or DuckDB.
NOT_IN_A_HOME = "%#?*[\n"

# Follow from NIGHTJAR_HOME, so what the caller inherited never wins.
_REMOVED = (
    "PYTHONDONTWRITEBYTECODE",  # Airflow to healthy: 38 s without cached bytecode, 16 s with it
    "SPARK_HOME",  # another Spark's jars would meet pyspark 4.3's Python
    "PYTHONHOME",
)

# What the caller sets wins over these.
_DEFAULTS = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "2",  # a task uses every core already
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
    "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",  # trigger to end: 4 s -> 1.5 s
    "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # a failed task is reported 5 s late with the default
    "AIRFLOW__API__EXPOSE_CONFIG": "False",
    # No telemetry, no model hub, no download at run time.
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",  # it deadlocks warnings into forked workers
    # implicit runs its own threads; BLAS threads inside them slow ALS down (its own warning).
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "SPARK_LOCAL_IP": "127.0.0.1",
    "TZ": "UTC",
}


def nightjar_home(base: Mapping[str, str]) -> Path:
    """NIGHTJAR_HOME as an absolute path; default: .nightjar/ in the repository.

    Ends the process on a path that no database address can hold.
    """
    home = Path(base.get("NIGHTJAR_HOME") or REPO / ".nightjar").expanduser().absolute()
    if bad := sorted(set(str(home)) & set(NOT_IN_A_HOME)):
        raise SystemExit(f"NIGHTJAR_HOME is {str(home)!r}; expected a path without {' '.join(bad)}")
    return home


def login(airflow_home: Path) -> tuple[str, str]:
    """User and password of the UI, as the home's passwords.json has them."""
    passwords = json.loads((airflow_home / "passwords.json").read_text())
    return LOGIN[0], passwords.get(LOGIN[0], LOGIN[1])


def process_environment(
    base: Mapping[str, str], *, home: Path | None = None, dags_folder: Path | None = None
) -> dict[str, str]:
    """The environment for a child of a process whose own is `base`.

    home: overrides NIGHTJAR_HOME; dags_folder: overrides the repository's dags/ (tests use both).
    Creates home/airflow with its secrets when it is not there yet.
    """
    home = home.absolute() if home else nightjar_home(base)
    airflow_home = home / "airflow"
    env = {key: value for key, value in base.items() if key not in _REMOVED}
    for key, value in _DEFAULTS.items():
        env.setdefault(key, value)
    database = base.get("NIGHTJAR_AIRFLOW_DB") or f"sqlite:///{airflow_home / 'airflow.db'}"
    path = [str(Path(sys.prefix) / "bin"), env.get("PATH", os.defpath)]
    java_home = installed_java(base)
    if java_home is None:
        java_home = JAVA_SHIM_HOME
        path.insert(0, str(java_home / "bin"))
    env |= {
        "NIGHTJAR_HOME": str(home),
        "NIGHTJAR_DUCKDB_EXTENSIONS": str(DUCKDB_EXTENSIONS),
        "PYTHONPATH": str(REPO),
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder.absolute() if dags_folder else REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN[0]}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_home / "logs"),
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_LOG_TARGET": "file",
        "AIRFLOW__CORE__FERNET_KEY": _secret(airflow_home / "fernet_key"),
        "AIRFLOW__API__SECRET_KEY": _secret(airflow_home / "api_key"),
        # 48 bytes are 64 characters: HS512 asks for no fewer.
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(airflow_home / "jwt_key", n_bytes=48),
    }
    return env


def _secret(path: Path, n_bytes: int = 32) -> str:
    """The secret kept in `path` (0600), made once: random bytes as URL-safe base64, a Fernet key's form.

    Linked into place, so two first starts at once agree on one secret.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        value = base64.urlsafe_b64encode(secrets.token_bytes(n_bytes)).decode()
        handle, draft = tempfile.mkstemp(dir=path.parent)  # 0600
        with os.fdopen(handle, "w") as file:
            file.write(value)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    return path.read_text()


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    env = process_environment(os.environ)
    if arguments == ["--export"]:
        for key in sorted(env):
            if env[key] != os.environ.get(key):
                print(f"export {key}={shlex.quote(env[key])}")
        for key in _REMOVED:
            print(f"unset {key}")
        return 0
    os.execvpe(arguments[0], arguments, env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
