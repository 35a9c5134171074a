"""A process that has the lake open twice, beside writers elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from include.lake.lake import open_lake
from include.settings import Settings

HOLD = """
import os, sys
from include.lake.lake import open_lake
from include.settings import load_settings
with open_lake(load_settings(), read_only=True) as lake:
    lake.con.execute("begin")
    lake.rows("from ops.fence")
    with open_lake(load_settings(), read_only=True):  # as the API's threads do
        pass
    print("held", flush=True)
    sys.stdin.readline()
    print(lake.rows("select token from ops.fence"), flush=True)
"""


def test_opening_the_lake_again_keeps_the_readers_locks(settings: Settings) -> None:
    """The index of the write-ahead log is cut to nothing by whoever finds no lock on it: under the reader."""
    with open_lake(settings):
        pass
    index = Path(f"{settings.lake_dir / 'catalog.sqlite'}-shm")
    environ = {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    reader = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdin is not None
    try:
        assert reader.stdout.readline() == "held\n"
        inode = index.stat().st_ino
        with open_lake(settings) as lake:
            for n in range(3):
                lake.write(lambda con: None, run_id=str(n), message="t")
            assert index.stat().st_ino == inode and index.stat().st_size >= 32_768
        reader.stdin.write("\n")
        reader.stdin.flush()
        # Its transaction still sees what it saw.
        assert reader.stdout.readline() == "[(0,)]\n"
    finally:
        reader.kill()
        reader.wait()
