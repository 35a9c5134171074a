"""The demonstration: real data, one nightly run, a live batch, one refresh, some lists.

Fetches MovieLens-100K, keeps its newest 1 % of ratings back, lands the rest, runs the nightly DAG in Airflow,
then lands the newest ratings and runs the refresh DAG. Each step is the real one; run it again and it takes
the same data in again, which changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from include.config.domain import load_domain
from include.demo.movielens import LandedDemo, fetch, land
from include.demo.show import (
    SHOWN_RANKS,
    listed_items,
    show_asked,
    show_evaluation,
    show_latest,
    show_list,
    show_portrait,
    show_stages,
)
from include.errors import NightjarError
from include.installation import REPO
from include.lake.lake import open_lake
from include.serving.recommend import Reader
from include.settings import Settings, load_settings

DOMAIN = "movies"
SHOWN_USERS = 3
REQUEST = "something scary in space, not for children"


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def main() -> int:
    environ = {**os.environ, "NIGHTJAR_CONFIG": DOMAIN}
    settings = load_settings(environ)
    settings.make_folders()
    load_domain(settings.config)
    say("", "1. Real data: MovieLens-100K (fetched once, about 2 MB)")
    try:
        landed = land_data(settings)
    except NightjarError as error:
        say(f"stopped: {error}")
        return 1
    say(
        f"   landed {landed.events:,} ratings, {landed.items:,} films, {landed.users:,} people"
        f" in {settings.landing}",
        f"   kept back the newest {landed.live:,} ratings in {settings.home / 'live'}",
        "",
        "2. The nightly DAG in Airflow",
    )
    if status := run_dag("nightly_recommendations", environ):
        return status
    users = show_nightly(settings)
    say("", f"3. The newest {landed.live:,} ratings land, and the refresh DAG takes them in")
    with open_lake(settings, read_only=True) as lake:
        before = {user: listed_items(lake, user) for user in users}
        known = lake.value("select count(*) from raw.events")
    landed_at = time.monotonic()
    land_live(settings)
    if status := run_dag("refresh_recommendations", environ):
        return status
    seconds = time.monotonic() - landed_at
    show_refresh(settings, before, known, seconds)
    if users:
        say("", "4. What is known of a person, in words")
        with open_lake(settings, read_only=True) as lake:
            say("", *("   " + line for line in show_portrait(lake, users[0])))
        say("", "5. A request in words")
        show_request(settings, users[0])
    say(
        "",
        "Where to look next",
        '   make sql Q="from nightjar.serving.recommendations limit 10"    the tables; `make sql`: a shell',
        f"   {settings.attach_sql}    run this in any DuckDB client to attach the lake",
        f"   {settings.reports}    the run's report and the quality results as pages",
        "   make api-key ROLE=read NAME=me, then make serve    lists over HTTP, and a page",
        "   make airflow    the DAGs in Airflow's UI",
        "   docs/contracts.md    every table and column",
    )
    return 0


def land_data(settings: Settings) -> LandedDemo:
    settings.make_folders()
    return land(fetch(settings.home / "downloads"), settings.home)


def land_live(settings: Settings) -> None:
    """Rename the events that were kept back into landing/."""
    for file in sorted((settings.home / "live" / "events").iterdir()):
        file.rename(settings.landing / "events" / file.name)


def run_dag(dag_id: str, environ: dict[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "bin.run_dag", dag_id], env=environ, cwd=REPO, check=False
    ).returncode


def show_nightly(settings: Settings) -> list[str]:
    """Print what the nightly made; returns the users whose lists it showed: those with events to come."""
    with open_lake(settings, read_only=True) as lake:
        run_id = lake.value(
            "select run_id from serving.publications where kind = 'nightly'"
            " order by publication_id desc limit 1"
        )
        users = [
            row[0]
            for row in lake.rows(
                f"""
                select live.user_id
                from read_json('{settings.home / "live"}/events/*', format = 'newline_delimited') as live
                semi join features.user_stats as users on live.user_id::varchar = users.user_id
                group by live.user_id
                order by count(*) desc, live.user_id
                limit {SHOWN_USERS}
                """
            )
        ]
        for user in users:
            user = str(user)
            liked = show_latest(lake, user)
            say("", *show_list(lake, user, f"   User {user}, who last rated {liked}:"))
        say("", *("   " + line for line in show_stages(lake, run_id)))
        say("", *("   " + line for line in show_evaluation(lake, run_id)))
    return [str(user) for user in users]


def show_refresh(settings: Settings, before: dict[str, list[str]], known: int, seconds: float) -> None:
    with open_lake(settings, read_only=True) as lake:
        added = lake.value("select count(*) from raw.events") - known
        listed = lake.value("select users from serving.publications order by publication_id desc limit 1")
        if not added:
            say("   these ratings were taken in before, so nothing changed; `make clean-demo` starts over")
            return
        say(
            f"   {added:,} ratings taken in, {listed:,} people listed again;"
            f" {seconds:.1f} s from landing to visible, Airflow's start included"
        )
        for user, items in before.items():
            liked = show_latest(lake, user)
            say("", *show_list(lake, user, f"   User {user} after rating {liked}:", items))


def show_request(settings: Settings, user: str) -> None:
    """Print what one user gets who asks in words."""
    with Reader(settings, load_domain(settings.config)) as reader:
        answer = reader.recommend(user, SHOWN_RANKS, ask=REQUEST)
    rows = [(item.rank, item.item_id, item.reason) for item in answer.items]
    with open_lake(settings, read_only=True) as lake:
        say("", f"   User {user} " + "\n   ".join(show_asked(lake, REQUEST, rows)))


if __name__ == "__main__":
    sys.exit(main())
