"""A lake whose catalog is lost is not begun anew over its own data."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from include.errors import LakeError
from include.lake.lake import open_lake
from include.settings import Settings


@pytest.fixture
def held(settings: Settings) -> Settings:
    """A lake with a row of data."""
    with open_lake(settings) as lake:
        lake.write(
            lambda con: con.execute("insert into raw.users values ('u1', '{}', 'b', timestamp '2024-01-01')"),
            run_id="r",
            message="m",
        )
    return settings


def catalog_file(settings: Settings) -> Path:
    return Path(settings.lake.removeprefix("sqlite:"))


def lose(settings: Settings, how: str) -> None:
    for file in catalog_file(settings).parent.glob("catalog.sqlite*"):
        file.unlink()
    if how == "emptied":
        catalog_file(settings).touch()


@pytest.mark.parametrize("how", ["removed", "emptied"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_lost_catalog_is_named_with_what_to_do(held: Settings, how: str, read_only: bool) -> None:
    lose(held, how)
    with pytest.raises(LakeError, match=r"holds a lake's data and .* no catalog of it.*restore the catalog"):
        open_lake(held, read_only=read_only)
    assert not catalog_file(held).exists() or catalog_file(held).stat().st_size == 0


def test_another_catalog_over_the_same_data_is_refused(held: Settings) -> None:
    other = replace(held, lake=f"sqlite:{held.home}/other.sqlite")
    with pytest.raises(LakeError, match="is NIGHTJAR_LAKE another one than before"):
        open_lake(other)


def test_a_restored_catalog_opens_and_moved_data_begin_a_new_lake(held: Settings, tmp_path: Path) -> None:
    shutil.copytree(held.lake_dir, tmp_path / "backup")
    lose(held, "removed")
    for file in (tmp_path / "backup").glob("catalog.sqlite*"):
        shutil.copy(file, held.lake_dir)
    with open_lake(held) as lake:
        assert lake.rows("select user_id from raw.users") == [("u1",)]
    lose(held, "removed")
    shutil.move(held.lake_dir / "data", tmp_path / "away")
    with open_lake(held) as lake:
        assert lake.value("select count(*) from raw.users") == 0


def test_a_home_is_its_owners_alone(settings: Settings, tmp_path: Path) -> None:
    fresh = replace(settings, home=tmp_path / "fresh" / "home")
    fresh.make_folders()
    assert fresh.home.stat().st_mode & 0o777 == 0o700
