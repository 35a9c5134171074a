"""Run a job of spark_jobs/ in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from include.errors import NightjarError
from include.features.java import find_java
from include.features.manifest import Manifest
from include.installation import REPO

JOBS = REPO / "spark_jobs"
# Spark's storage spills: a million events and their pairs fit, and the rest of the machine is left to the
# tasks beside it.
DRIVER_MEMORY = "1g"
LOG_LINES = 20
_ERROR = re.compile(r"(Caused by: )?[\w.$]+(Error|Exception)\b")


def run_feature_job(
    manifest: Manifest, work: Path, *, master: str, environ: Mapping[str, str], java_options: Sequence[str]
) -> Path:
    """build_features.py on a manifest, which is written below ``work``; see `run_job`."""
    path = work / "manifest.json"
    manifest.write(path)
    arguments = ["--manifest", str(path)]
    return run_job(
        "build_features", arguments, work, master=master, environ=environ, java_options=java_options
    )


def run_job(
    job: str,
    arguments: Sequence[str],
    work: Path,
    *,
    master: str,
    environ: Mapping[str, str],
    java_options: Sequence[str],
) -> Path:
    """Run spark_jobs/<job>.py and wait for it; returns its log.

    work: folder for spark.log, made if need be.
    Raises NightjarError with the log's last lines when the job fails.
    """
    work.mkdir(parents=True, exist_ok=True)
    log = work / "spark.log"
    command = [sys.executable, str(JOBS / f"{job}.py"), *arguments, "--master", master]
    command += [
        "--driver-memory",
        DRIVER_MEMORY,
        f"--java-options={' '.join(java_options)}",
        "--end-with-parent",
    ]
    with log.open("wb") as output:
        # A group of its own: when this process is told to stop, the job and its JVM go with it.
        process = subprocess.Popen(
            command,
            env=job_environment(environ),
            cwd=work,
            stdin=subprocess.PIPE,  # closes with this process, however it ends
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if status:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise NightjarError(
            f"Spark job {job}.py ended with status {status} on master {master}; its log, {log}, says:\n"
            + "\n".join(_reasons(lines))
        )
    return log


def _reasons(lines: Sequence[str]) -> list[str]:
    """The lines that name an error, or else the last ones: a Java error brings 100 lines of its stack."""
    named = list(dict.fromkeys(line[:500] for line in lines if _ERROR.match(line)))
    return named[-5:] or list(lines[-LOG_LINES:])


def job_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with what the job needs besides: Java, this Python, this code, loopback."""
    # Another Spark's jars would meet this Spark's Python; without cached bytecode imports take twice as long.
    unwanted = ("SPARK_HOME", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in environ.items() if key not in unwanted} | {
        "JAVA_HOME": str(find_java(environ)),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": str(REPO),
        "SPARK_LOCAL_IP": environ.get("SPARK_LOCAL_IP", "127.0.0.1"),
        # The JVM that only works out the driver's command line.
        "SPARK_LAUNCHER_OPTS": environ.get("SPARK_LAUNCHER_OPTS", "-XX:TieredStopAtLevel=1"),
    }
