"""How long the lake has known an account, by its own clock."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from include.config.domain import Domain
from include.features.training_matrices import load_training
from include.interactions.training_data import TrainingData
from include.lake.lake import Lake
from tests.support.books import NEWEST, books_file, domain, lake, published_home, settings

__all__ = ["books_file", "domain", "lake", "published_home", "settings"]


def training(lake: Lake, domain: Domain) -> TrainingData:
    return load_training(
        lake.con,
        domain,
        NEWEST,
        user_items="features.user_items",
        item_stats="features.item_stats",
        snapshot=lake.snapshot(),
    )


def test_those_of_the_first_day_are_known_by_their_events_alone(lake: Lake, domain: Domain) -> None:
    assert np.isinf(training(lake, domain).seen_days).all()


def test_whoever_comes_later_is_known_since_then_whatever_their_events_say(
    lake: Lake, domain: Domain
) -> None:
    first = lake.value("select max(ingested_at) from raw.events")
    come = {"early": timedelta(hours=12), "later": timedelta(days=5), "last": timedelta(days=8)}

    def write(con) -> None:
        for user, after in come.items():
            con.execute("insert into raw.users by name select ? as user_id", [user])
            con.execute(
                "insert into raw.events by name select * replace (? as user_id, ? as event_id,"
                " ?::timestamp as ingested_at) from raw.events order by event_at, event_id limit 1",
                [user, user, first + after],
            )

    lake.write(write, run_id="test", message="three more")
    found = training(lake, domain)
    seen = dict(zip(found.user_ids.tolist(), found.seen_days.tolist(), strict=True))
    assert {user: seen[user] for user in come} == {"early": np.inf, "later": 3.0, "last": 0.0}
