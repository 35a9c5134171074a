from __future__ import annotations

import json
import zipfile
from pathlib import Path

import duckdb
import pytest

from include.demo.movielens import FOLDER_IN_WHEEL, WHEEL, fetch, land
from include.errors import DataError


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with two films, two people and two hundred ratings, a second apart."""
    path = tmp_path / "small.whl"
    ratings = [f"{1 + i % 2}\t{1 + i // 2 % 2}\t{1 + i % 5}\t{881250949 + i}" for i in reversed(range(200))]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            FOLDER_IN_WHEEL + "ml-100k.inter",
            "\n".join(["user_id:token\titem_id:token\trating:float\ttimestamp:float", *ratings]),
        )
        archive.writestr(
            FOLDER_IN_WHEEL + "ml-100k.item",
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "1\tToy Story\t1995\tAnimation Children's Comedy\n2\tunknown\t\tunknown\n",
        )
        archive.writestr(
            FOLDER_IN_WHEEL + "ml-100k.user",
            "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
            "1\t24\tM\ttechnician\t85711\n2\t7\tF\tstudent\t94043\n",
        )
    return path


def test_landing_files_of_a_small_wheel(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    landed = land(wheel, home)
    assert (landed.events, landed.live, landed.items, landed.users) == (198, 2, 2, 2)
    items = [json.loads(line) for line in (home / "landing/items/movielens.jsonl").read_text().splitlines()]
    assert items[0] == {
        "item_id": "1",
        "title": "Toy Story (1995)",
        "category": "Animation",
        "tags": "Animation, Children's, Comedy",
        "attributes": {"year": 1995, "decade": 1990, "genres": ["Animation", "Children's", "Comedy"]},
    }
    assert items[1]["title"] == "unknown"
    users = (home / "landing/users/movielens.jsonl").read_text().splitlines()
    assert json.loads(users[1])["attributes"] == {
        "age_band": "under 18",
        "gender": "F",
        "occupation": "student",
    }
    live = (home / "live/events/movielens-live.jsonl").read_text().splitlines()
    assert [json.loads(line)["event_at"] for line in live] == ["1997-12-04 15:59:07", "1997-12-04 15:59:08"]
    newest = duckdb.sql(
        f"select max(event_at)::varchar from '{home}/landing/events/movielens.parquet'"
    ).fetchone()
    assert newest == ("1997-12-04 15:59:06",)
    assert not list(home.rglob("*.tmp"))


def test_another_wheel_under_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"something else")
    with pytest.raises(DataError, match="expected 9c99482"):
        fetch(tmp_path)
