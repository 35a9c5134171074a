"""A backup made beside a writer is restored as it was, and goes on from there."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from include.config.domain import Domain
from include.errors import DataError, LakeError
from include.installation import REPO
from include.lake.checksums import check_files
from include.lake.lake import Lake, open_lake
from include.operations.backup import back_up
from include.operations.doctor import FAIL, examine
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import run_tick
from include.settings import Settings, load_settings, utc_now
from tests.support.books import NEWEST, NOW, purchase
from tests.support.nightly import land

LISTS = "from serving.recommendations order by all"


def at(home: Path, settings: Settings) -> Settings:
    return load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(settings.config)})


def test_beside_a_writer_and_back(settings: Settings, domain: Domain, tmp_path: Path) -> None:
    stop, failed = threading.Event(), []

    def write() -> None:
        try:
            with open_lake(settings) as lake:
                for n in range(50):
                    if stop.is_set():
                        return
                    event = purchase(f"u{n % 20:02}", f"b{n % 30:02}", NEWEST + timedelta(minutes=n))
                    land(settings, "events", f"t{n}.jsonl", [event])
                    run_tick(lake, domain, LandingSource(1000), run_id="tick", now=NOW)
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    with open_lake(settings, read_only=True) as lake:
        done = back_up(lake, tmp_path / "copy")
    stop.set()
    writer.join()
    assert failed == [] and done.files > 5
    # The home is lost, and the copy takes its place.
    shutil.rmtree(settings.home)
    shutil.copytree(tmp_path / "copy", settings.home)
    assert [one for one in examine(settings, os.environ, utc_now()) if one.status == FAIL] == []
    with open_lake(settings) as lake:
        assert lake.value("select count(*) from serving.recommendations") == 100
        land(settings, "events", "after.jsonl", [purchase("u00", "b29", NEWEST + timedelta(days=1))])
        while run_tick(lake, domain, LandingSource(1000), run_id="tick", now=NOW):
            pass
        assert lake.value("select count(*) from raw.events where item_id = 'b29' and user_id = 'u00'") >= 1


def test_the_page_as_written(settings: Settings, tmp_path: Path) -> None:
    """The commands of docs/operations.md, in a shell."""
    page = (REPO / "docs" / "operations.md").read_text()
    section = page.split("## Backup and restore")[1].split("\n## ")[0]
    commands = re.findall(r"^    (\S.*?)(?:\s{2,}#.*)?$", section, re.MULTILINE)
    assert len(commands) >= 4
    with open_lake(settings, read_only=True) as lake:
        before = lake.rows(LISTS)
    script = "\n".join(commands).replace("/backups", str(tmp_path)).replace("make ", f"make -s -C {REPO} ")
    environ = os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    data files" in done.stdout
    with open_lake(settings, read_only=True) as lake:
        assert lake.rows(LISTS) == before


def test_what_cannot_be_a_backup_is_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is there already"):
        back_up(lake, tmp_path)
    check_files(lake)
    path = Path(lake.files("serving.recommendations")[0][0])
    raw = bytearray(path.read_bytes())
    raw[random.Random(1).randrange(len(raw))] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LakeError, match=path.name):
        back_up(lake, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
