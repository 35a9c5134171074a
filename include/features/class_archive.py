"""Make the archive of the classes that the Spark job loads, parsed and checked, for the JVM to map.

A JVM spends most of a small job on loading some 20,000 classes: with the archive a session and its first
job take 6 instead of 15 processor seconds. Set-up makes it once; a job without it is slower, not different.

    python -m include.features.class_archive
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import NightjarError
from include.features.confidence import Confidence
from include.features.java import ClassArchive, class_archive, find_java
from include.features.job import run_feature_job
from include.features.manifest import FEATURE_TABLES, EventFile, Manifest
from include.whole_files import whole_file

_EVENT_AT = datetime(2026, 1, 1)


def make_class_archive(environ: Mapping[str, str]) -> Path:
    """Run the job on a handful of events and keep what it loaded; returns the archive.

    Raises NightjarError when the job fails or the JVM leaves no archive.
    """
    java_home = find_java(environ)
    archive = class_archive(java_home)
    archive.top.parent.mkdir(parents=True, exist_ok=True)
    _make_base(java_home, archive)
    # Hundreds of classes cannot be kept, with a warning each.
    quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    options = ["-XX:+UseSerialGC", *quiet]
    if archive.base.is_file():
        options.append(f"-XX:SharedArchiveFile={archive.base}")
    with whole_file(archive.top) as partial, tempfile.TemporaryDirectory() as scratch:
        options.append(f"-XX:ArchiveClassesAtExit={partial}")
        manifest = _sample(Path(scratch))
        run_feature_job(manifest, Path(scratch), master="local[*]", environ=environ, java_options=options)
        if not partial.is_file():
            raise NightjarError(
                f"{java_home}/bin/java left no archive at {partial}; the job runs without one"
            )
    return archive.top


def _make_base(java_home: Path, archive: ClassArchive) -> None:
    """An archive of Java's own classes, for a runtime that comes without one, as the pip-installed does."""
    java = str(java_home / "bin" / "java")
    if subprocess.run([java, "-Xshare:on", "-version"], capture_output=True).returncode == 0:
        archive.base.unlink(missing_ok=True)
        return
    command = [java, "-Xshare:dump", f"-XX:SharedArchiveFile={archive.base}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NightjarError(f"{' '.join(command)} ended with status {done.returncode}: {done.stdout[-500:]}")


def _sample(folder: Path) -> Manifest:
    """Two users with two items each: every table gets a row."""
    events = pa.table(
        {
            "user_id": ["a", "a", "b", "b"],
            "item_id": ["x", "y", "x", "y"],
            "event_type": ["view"] * 4,
            "event_at": pa.array([_EVENT_AT] * 4, pa.timestamp("us")),
            "value": pa.array([None] * 4, pa.float64()),
        }
    )
    pq.write_table(events, folder / "events.parquet", compression="zstd")
    return Manifest(
        files=[EventFile(str(folder / "events.parquet"), None)],
        snapshot=0,
        rows=4,
        confidence=Confidence({"view": 1.0}, 1.0),
        cutoffs={"as_of": _EVENT_AT},
        tables={"as_of": FEATURE_TABLES},
        recent_days=1.0,
        output=str(folder / "features"),
    )


if __name__ == "__main__":
    make_class_archive(os.environ)
