"""The Java that Spark runs on: an installed one, else the pip-installed one behind set-up's shim."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bin.env import JAVA_SHIM_HOME, installed_java
from include.errors import ConfigError


def find_java(environ: Mapping[str, str]) -> Path:
    """JAVA_HOME for Spark.  Raises ConfigError with neither an installed Java 17+ nor set-up's shim."""
    java_home = installed_java(environ) or JAVA_SHIM_HOME
    if not os.access(java_home / "bin" / "java", os.X_OK):
        raise ConfigError(
            "JAVA_HOME",
            environ.get("JAVA_HOME"),
            "a Java 17 or newer (there, or as `java` on PATH), or the one that `bin/setup` prepares",
        )
    return java_home
