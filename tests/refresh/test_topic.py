"""Messages refresh lists as files do, through a real broker; and ring."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bin.live import replay, topic_lander
from include.config.domain import Domain
from include.config.domain_file import Kafka
from include.lake.lake import open_lake
from include.refresh.refresh_run import refresh
from include.settings import Settings
from tests.support.books import NEWEST, NOW, purchase
from tests.support.kafka import make_topic, running_broker, send
from tests.support.nightly import land

EVENTS = [purchase(f"u{n:02}", f"b{2 * n + 1:02}", NEWEST + timedelta(minutes=1 + n)) for n in range(8)]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with running_broker() as address:
        yield address


def with_topic(domain: Domain, servers: str, topic: str) -> Domain:
    return replace(domain, refresh=replace(domain.refresh, kafka=Kafka(topic=topic, servers=servers)))


def state(settings: Settings) -> list[list[tuple]]:
    with open_lake(settings, read_only=True) as lake:
        return [
            lake.rows(f"select {columns} from {table} order by all")
            for table, columns in (
                ("raw.events", "* exclude (batch_id)"),
                ("features.user_items", "*"),
                ("serving.recommendations", "*"),
                ("serving.publications", "* exclude (events_snapshot, snapshot)"),
            )
        ]


def test_the_same_events_by_messages_and_by_files_give_the_same_lake(
    settings: Settings, domain: Domain, servers: str, published_home: tuple[Path, Path]
) -> None:
    topic = make_topic(servers, "same")
    send(servers, topic, EVENTS)
    ticks = refresh(settings, with_topic(domain, servers, topic), run_id="r", clock=lambda: NOW)
    assert [(tick.accepted, tick.users) for tick in ticks] == [(8, 8)]
    by_messages = state(settings)
    with open_lake(settings, read_only=True) as lake:
        assert lake.value("select position from ops.watermarks where source = 'kafka:same/0'") == "8"

    home, published = published_home
    shutil.rmtree(home)
    shutil.copytree(published, home)
    land(settings, "events", "a.jsonl", EVENTS)
    refresh(settings, domain, run_id="r", clock=lambda: NOW)
    assert state(settings) == by_messages


def test_both_are_drained_and_an_event_that_came_both_ways_counts_once(
    settings: Settings, domain: Domain, servers: str
) -> None:
    topic = make_topic(servers, "both")
    land(settings, "events", "a.jsonl", EVENTS[:5])
    send(servers, topic, EVENTS[3:])
    ticks = refresh(settings, with_topic(domain, servers, topic), run_id="r", clock=lambda: NOW)
    assert [(tick.rows_in, tick.accepted) for tick in ticks] == [(5, 5), (5, 3)]


def test_the_topics_doorbell_rings_once_connected_and_for_messages(servers: str, domain: Domain) -> None:
    from plugins.landing_watch import listen

    topic = make_topic(servers, "bell")

    async def rung() -> list[int]:
        bell = listen(with_topic(domain, servers, topic), 0.1)
        first = await asyncio.wait_for(anext(bell), 20)
        waiting = asyncio.ensure_future(anext(bell))  # type: ignore[arg-type]
        # The end of the topic is only asked for when the first poll runs.
        for _ in range(200):
            await asyncio.to_thread(send, servers, topic, EVENTS[:1])
            done, _ = await asyncio.wait([waiting], timeout=0.5)
            if done:
                break
        second = waiting.result()
        await bell.aclose()
        return [first, second]

    first, second = asyncio.run(rung())
    assert first == 0 and second >= 1


def test_the_load_generator_sends_messages(settings: Settings, domain: Domain, servers: str) -> None:
    topic = make_topic(servers, "live")
    write = topic_lander(f"{servers}/{topic}")
    own = with_topic(domain, servers, topic)

    def send_and_refresh(events):
        is_visible = write(events)
        refresh(settings, own, run_id="r", clock=lambda: NOW)
        return is_visible

    with open_lake(settings, read_only=True) as lake:
        assert replay(lake, iter(EVENTS), send_and_refresh, rate=4, seconds=1, wait=5) == 0
