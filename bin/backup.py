"""Copy this home where it can be restored from: python -m bin.backup   (make's TO=, a new folder)

Restore: stop whatever writes, put the folder in the place of NIGHTJAR_HOME, and run `make doctor`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from include.errors import NightjarError
from include.lake.lake import open_lake
from include.operations.backup import back_up
from include.settings import load_settings


def main() -> int:
    to = os.environ.get("TO", "").strip()
    if not to:
        print("TO has no value; expected a folder that is not there yet: make backup TO=/backups/monday")
        return 2
    try:
        with open_lake(load_settings(), read_only=True) as lake:
            done = back_up(lake, Path(to).expanduser().absolute())
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{done.files:,} files of the lake, {done.bytes / 2**20:,.1f} MiB, in {to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
