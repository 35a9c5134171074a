"""Every test runs in the project's own process environment, on a NIGHTJAR_HOME of its own session."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bin.env import process_environment

# At import, before any test module: Airflow, torch and BLAS read their environment once.
_SESSION_HOME = Path(tempfile.mkdtemp(prefix="nightjar-tests-"))
atexit.register(shutil.rmtree, _SESSION_HOME, ignore_errors=True)
# A caller's real lake or database must be out of every test's reach.
_INHERITED = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("NIGHTJAR_", "AIRFLOW__")) and key != "AIRFLOW_HOME"
}
_ENVIRONMENT = process_environment(_INHERITED, home=_SESSION_HOME)
os.environ.clear()
os.environ.update(_ENVIRONMENT)
sys.dont_write_bytecode = False
time.tzset()
