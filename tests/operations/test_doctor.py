"""A healthy home, and broken ones: each fault is named, with its mend."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from include.config.domain import Domain
from include.lake.checksums import check_files
from include.lake.lake import open_lake
from include.operations.doctor import FAIL, OK, WARN, Finding, examine
from include.publish.champion import find_champion
from include.settings import Settings, utc_now
from tests.support.books import NEWEST, purchase
from tests.support.nightly import land


def findings(settings: Settings) -> dict[str, Finding]:
    return {one.what: one for one in examine(settings, os.environ, utc_now())}


def test_a_healthy_home(settings: Settings) -> None:
    settings.home.chmod(0o700)
    found = findings(settings)
    assert {one.status for one in found.values()} == {OK}, found
    assert {"Java", "catalog", "data files", "model", "newest nightly", "landed events", "disk"} <= set(found)
    done = subprocess.run(
        [sys.executable, "-m", "bin.doctor"],
        env=os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "ok    catalog" in done.stdout, done.stdout + done.stderr


def data_file(settings: Settings) -> Path:
    with open_lake(settings, read_only=True) as lake:
        return Path(lake.files("serving.recommendations")[0][0])


def remove_a_data_file(settings: Settings) -> None:
    data_file(settings).unlink()


def flip_a_bit(settings: Settings) -> None:
    """In a file that maintenance has seen: most such flips are read without an error."""
    with open_lake(settings) as lake:
        check_files(lake)
    path = data_file(settings)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


def alter_the_model(settings: Settings) -> None:
    with open_lake(settings, read_only=True) as lake:
        champion = find_champion(lake)
    assert champion is not None
    raw = bytearray(champion.artifact.read_bytes())
    raw[len(raw) // 2] ^= 1
    champion.artifact.write_bytes(raw)


def break_the_catalog(settings: Settings) -> None:
    path = settings.lake_dir / "catalog.sqlite"
    raw = bytearray(path.read_bytes())
    raw[4096 : 4096 + 2000] = bytes(2000)
    path.write_bytes(raw)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


BROKEN = [
    (remove_a_data_file, "data files", "is gone", "restore a backup"),
    (flip_a_bit, "data files", "sha256 differs", "restore a backup"),
    (alter_the_model, "model", "sha256", "make nightly"),
    (break_the_catalog, "catalog", "catalog.sqlite", "restore a backup"),
]


@pytest.mark.parametrize(("broken", "what", "said", "mend"), BROKEN)
def test_a_broken_home(
    settings: Settings, broken: Callable[[Settings], None], what: str, said: str, mend: str
) -> None:
    broken(settings)
    found = findings(settings)[what]
    assert found.status == FAIL and said in found.found and mend in found.mend, found


def test_broken_set_up_and_domain_file(settings: Settings, domain: Domain, tmp_path: Path) -> None:
    found = findings(replace(settings, extensions=tmp_path / "none"))
    assert found["DuckDB's extensions"].mend == "make setup"
    (tmp_path / "wrong.yaml").write_text("domain: books\n")
    found = findings(replace(settings, config=tmp_path / "wrong.yaml"))
    assert found["domain file"].status == FAIL and "events.types" in found["domain file"].found


def test_what_waits_and_who_may_look(settings: Settings) -> None:
    settings.home.chmod(0o755)
    land(settings, "events", "late.jsonl", [purchase("u00", "b05", NEWEST)])
    found = findings(settings)
    assert found["landed events"] == Finding(
        WARN, "landed events", "1 files wait", "make refresh takes them in"
    )
    assert found["home"].mend == f"chmod 700 {settings.home}"


def test_a_home_that_was_never_used(settings: Settings, tmp_path: Path) -> None:
    empty = replace(
        settings, home=tmp_path / "new", lake=f"sqlite:{tmp_path / 'new' / 'lake' / 'catalog.sqlite'}"
    )
    found = findings(empty)
    assert found["lake"].status == WARN and found["lake"].mend == "make nightly"
    assert not (tmp_path / "new").exists()
