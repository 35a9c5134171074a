"""A file of the lake that was altered is named before anything is made of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from include.config.domain_file import MaintenanceConfig
from include.errors import LakeError
from include.lake.checksums import check_files, data_files
from include.lake.lake import Lake, open_lake
from include.operations.maintain import maintain
from include.settings import Settings, load_settings, utc_now


@pytest.fixture
def filled(settings: Settings) -> Iterator[Lake]:
    """A lake with a few thousand rows in three tables."""
    with open_lake(settings) as lake:
        for n in range(3):
            lake.write(
                lambda con, n=n: con.execute(  # type: ignore[misc]
                    "insert into raw.users by name"
                    " select 'u' || (i + 1000 * $n) as user_id, '{}' as attributes from range(1000) r (i)",
                    {"n": n},
                ),
                run_id="test",
                message="rows",
            )
        yield lake


def flip(path: Path, rng: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    path.write_bytes(raw)


def test_every_single_flipped_bit_is_found(filled: Lake) -> None:
    rng = random.Random(3)
    entered = check_files(filled)
    assert entered.altered == () and entered.new == len(set(data_files(filled))) > 3
    for _ in range(60):
        path = rng.choice(sorted(set(data_files(filled))))
        before = path.read_bytes()
        flip(path, rng)
        found = check_files(filled)
        assert found.altered == (path,) and found.new == 0
        path.write_bytes(before)
    assert check_files(filled).altered == ()


def test_maintenance_stops_before_it_merges_an_altered_file(filled: Lake, settings: Settings) -> None:
    maintain(filled, MaintenanceConfig(), run_id="m", now=utc_now())
    path = Path(filled.files("raw.users")[0][0])
    flip(path, random.Random(1))
    files = sorted(settings.lake_dir.rglob("*.parquet"))
    with pytest.raises(LakeError, match=f"{path.name}.*Backup and restore"):
        maintain(filled, MaintenanceConfig(), run_id="m", now=utc_now() + timedelta(days=3))
    assert sorted(settings.lake_dir.rglob("*.parquet")) == files


def test_what_merges_write_is_entered_and_what_is_gone_forgotten(filled: Lake) -> None:
    check_files(filled)
    maintain(filled, MaintenanceConfig(), run_id="m", now=utc_now())
    again = check_files(filled)
    assert again.new == 0 and again.known == len(set(data_files(filled)))


def test_a_moved_home_is_known_by_what_lies_in_it(filled: Lake, settings: Settings, tmp_path: Path) -> None:
    known = check_files(filled).new
    filled.close()
    moved = tmp_path / "moved"
    shutil.move(settings.home, moved)
    there = load_settings({"NIGHTJAR_HOME": str(moved), "NIGHTJAR_CONFIG": str(settings.config)})
    with open_lake(there) as lake:
        assert check_files(lake).known >= known
        flip(Path(lake.files("raw.users")[0][0]), random.Random(2))
        assert len(check_files(lake).altered) == 1
