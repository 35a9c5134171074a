"""Where this installation lies: the checkout, what set-up installed beside its packages, and Java.

Standard library only: bin/env.py needs it before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
# Set-up's own products lie beside the packages they belong to, so that they go when .venv goes.
SHARE = Path(sys.prefix) / "share" / "nightjar"
JAVA_SHIM_HOME = SHARE / "java"
DUCKDB_EXTENSIONS = SHARE / "duckdb_extensions"
OLDEST_JAVA = 17  # Spark 4 refuses older ones


def installed_java(base: Mapping[str, str]) -> Path | None:
    """Home of an installed Java >= 17 (JAVA_HOME, then PATH), or None: use the pip-installed one.

    Read from the `release` file every JDK and JRE carries: starting `java -version` would cost 0.1-0.5 s.
    NIGHTJAR_JAVA=bundled skips the search.
    """
    if base.get("NIGHTJAR_JAVA") == "bundled":
        return None
    candidates = [Path(base["JAVA_HOME"])] if base.get("JAVA_HOME") else []
    if found := shutil.which("java", path=base.get("PATH", os.defpath)):
        candidates.append(Path(found).resolve().parent.parent)
    for candidate in candidates:
        if os.access(candidate / "bin" / "java", os.X_OK) and _java_version(candidate) >= OLDEST_JAVA:
            return candidate
    return None


def _java_version(java_home: Path) -> int:
    release = java_home / "release"
    text = release.read_text(errors="replace") if release.is_file() else ""
    match = re.search(r'^JAVA_VERSION="(\d+)', text, re.MULTILINE)
    return int(match[1]) if match else 0
