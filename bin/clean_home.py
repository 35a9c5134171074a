"""Remove NIGHTJAR_HOME, all that runs have written: `make clean-demo`."""

from __future__ import annotations

import os
import shutil
import sys

from bin.env import nightjar_home


def main() -> int:
    home = nightjar_home(os.environ)
    if not home.exists():
        print(f"nothing at {home}")
        return 0
    # A mistyped NIGHTJAR_HOME=$HOME must not cost a home directory.
    if not (home / "airflow" / "database_stamp").is_file() or not (home / "landing").is_dir():
        print(f"{home} does not look like a NIGHTJAR_HOME (no airflow/database_stamp, landing/): left alone")
        return 1
    shutil.rmtree(home)
    print(f"removed {home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
