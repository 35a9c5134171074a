"""requirements.txt, constraints.txt, Makefile: a year from now they install and offer the same."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version

import pytest

from include.installation import REPO

TARGETS = ("demo", "test", "airflow", "nightly", "refresh", "tune", "sql", "bench", "lint")


def pins(file: str) -> dict[str, str]:
    """Normalised package name -> version; fails on a line that is no exact pin."""
    found = {}
    for line in (REPO / file).read_text().splitlines():
        if line := line.partition("#")[0].strip():
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line)
            assert match, f"{file}: {line!r} is no exact pin from an index"
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def test_every_direct_dependency_is_locked_at_the_same_version() -> None:
    locked = pins("constraints.txt")
    assert {name: locked.get(name) for name in pins("requirements.txt")} == pins("requirements.txt")


def test_what_is_installed_is_what_is_pinned() -> None:
    wanted = pins("requirements.txt")
    installed = {name: version(name).partition("+")[0] for name in wanted}
    assert installed == wanted


def test_image_requirements_are_pinned() -> None:
    assert pins("docker/requirements.txt").keys() == {"psycopg2-binary", "asyncpg"}


def test_duckdb_and_its_extensions_and_shell_agree() -> None:
    versions = {name: pin for name, pin in pins("requirements.txt").items() if name.startswith("duckdb")}
    del versions["duckdb-engine"]
    assert set(versions.values()) == {pins("requirements.txt")["duckdb"]}


def test_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    assert set(TARGETS) <= set(re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_sets_up_first(target: str) -> None:
    # -n prints what would run; MAKEFLAGS of an outer `make test` would change the output.
    plan = subprocess.run(
        ["make", "-n", target],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    ).stdout.splitlines()
    assert plan[0] == "bin/setup"
    assert len(plan) > 1
