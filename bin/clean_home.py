"""Remove what runs have written to NIGHTJAR_HOME, once it is said yes to: `make clean-demo`.

Landing files and whatever else Nightjar did not write stay where they are. Exit status: 0 done or nothing to
do, 1 no NIGHTJAR_HOME, one in use, or not said yes to.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bin.env import nightjar_home
from bin.foreground_runs import HomeInUseError, scheduler_lock

# All that a home holds but for landing/, whose files are of these names or else somebody's own.
WRITTEN = (
    *("airflow", "dbt", "downloads", "exports", "lake", "live", "models", "reports", "runs", "served", "tmp"),
    *("api_keys.json", "erasure.key", "synthetic.yaml"),
)
MADE_FILES = ("movielens*", "synthetic*")


def written_below(home: Path) -> Iterator[Path]:
    """Folders and files that runs wrote, and the landing files of `make demo` and `make synth`."""
    yield from (home / name for name in WRITTEN if (home / name).exists())
    for name in MADE_FILES:
        yield from sorted(home.glob(f"landing/*/{name}"))


def main(environ: Mapping[str, str]) -> int:
    home = nightjar_home(environ)
    if not home.exists():
        print(f"nothing at {home}")
        return 0
    # A mistyped NIGHTJAR_HOME=$HOME must not cost a home directory.
    if not (home / "airflow" / "database_stamp").is_file() or not (home / "landing").is_dir():
        print(f"{home} does not look like a NIGHTJAR_HOME (no airflow/database_stamp, landing/): left alone")
        return 1
    try:
        with scheduler_lock(home / "airflow"):
            return _clean(home, is_said=environ.get("YES") == "1")
    except HomeInUseError as error:
        print(f"{error}: left alone")
        return 1


def _clean(home: Path, *, is_said: bool) -> int:
    written = list(written_below(home))
    print(f"Below {home}, these go for good:")
    for path in written:
        print(f"  {path.relative_to(home)}")
    if not is_said:
        if not sys.stdin.isatty():
            print("nobody is there to say yes: make clean-demo YES=1")
            return 1
        if input("Remove them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return 1
    for path in written:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    _remove_empty_folders(home)
    if not home.exists():
        print(f"removed {home}")
        return 0
    kept = [path for path in sorted(home.rglob("*")) if not path.is_dir()]
    print(f"removed; {len(kept):,} files that Nightjar did not write stay, as {kept[0]}")
    return 0


def _remove_empty_folders(home: Path) -> None:
    for folder, _, _ in os.walk(home, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)


if __name__ == "__main__":
    sys.exit(main(os.environ))
