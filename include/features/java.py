"""The Java that Spark runs on: an installed one, else the pip-installed one behind set-up's shim."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from include.errors import ConfigError
from include.installation import JAVA_SHIM_HOME, SHARE, installed_java

# A job of some seconds ends before the optimising compiler pays for itself, and on two cores that compiler
# and a parallel collector take turns with the work: 78 instead of 88 processor seconds on 100,000 events.
_SHORT_JOB = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class ClassArchive:
    """The JVM's archive of loaded classes (include/features/class_archive.py).

    base: classes of Java itself, for a runtime that comes without such an archive of its own.
    top: classes of Spark, over that.
    """

    base: Path
    top: Path

    def options(self) -> list[str]:
        """JVM options that use it; none where it was not made. A JVM that it does not fit passes it over."""
        if not self.top.is_file():
            return []
        parts = [self.base, self.top] if self.base.is_file() else [self.top]
        return ["-XX:SharedArchiveFile=" + ":".join(map(str, parts))]


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


def class_archive(java_home: Path) -> ClassArchive:
    """Where the archive of this Java with this Spark is, whether it was made or not."""
    key = hashlib.sha256(f"{java_home} {version('pyspark')}".encode()).hexdigest()[:12]
    return ClassArchive(SHARE / f"java-{key}.jsa", SHARE / f"spark-{key}.jsa")


def java_options(environ: Mapping[str, str]) -> list[str]:
    """Options of the driver's JVM."""
    return [*_SHORT_JOB, *class_archive(find_java(environ)).options()]
