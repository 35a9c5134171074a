"""A copy of a home that can be restored, made beside readers and writers.

The catalog is copied first, at one instant; data files never change once written, so those that it names can
be copied afterwards, unless maintenance removes them meanwhile, which the copy then says.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from include.errors import DataError, LakeError
from include.lake.checksums import check_files, data_files
from include.lake.lake import Lake
from include.operations.catalog_file import apart

# Beside the lake: what lists are made with and kept by. Runs, reports and logs are made anew.
BESIDE = ("models", "landing", "api_keys.json", "erasure.key")


@dataclass(frozen=True)
class BackedUp:
    """files: of the lake's data.  bytes: of all that was copied."""

    files: int
    bytes: int


def back_up(lake: Lake, target: Path) -> BackedUp:
    """Copy catalog, data, models, landing files and keys to ``target``, a folder that is not there yet.

    Each data file is compared with its checksum first.  Raises DataError where target is there, LakeError
    where a file was altered or went meanwhile, and for a catalog that is no SQLite file: dump its database.
    """
    if target.exists():
        raise DataError(f"TO is {target}, which is there already; expected a folder that is not")
    if lake.catalog.kind != "sqlite" or not lake.catalog.is_local:
        raise LakeError(
            "only a SQLite catalog with local data is copied: dump the database, then copy the data"
        )
    check_files(lake).raise_if_altered()
    home, partial = lake.settings.home, target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    # While this reads an old snapshot nothing that it names is removed for an hour: see maintain.py.
    named = sorted(set(data_files(lake)))
    copied = partial / Path(lake.catalog.target).relative_to(home)
    copied.parent.mkdir(parents=True)
    apart("copy", catalog=lake.catalog.target, to=str(copied))
    size = copied.stat().st_size
    for path in sorted({*named, *data_files(lake)}):
        to = partial / path.relative_to(home)
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, to)
        except FileNotFoundError as error:
            raise LakeError(
                f"{path} went while it was being copied: is maintain_lake running? Try again"
            ) from error
        size += to.stat().st_size
    for name in (*BESIDE, "lake/checksums.sqlite"):
        if (home / name).is_dir():
            shutil.copytree(home / name, partial / name)
        elif (home / name).is_file():
            shutil.copy2(home / name, partial / name)
    partial.replace(target)
    return BackedUp(len(named), size)
