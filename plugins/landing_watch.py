"""Doorbells of the refresh: a file that landed, or a message on the domain's topic.

An event says that something came, not what: the run drains all that waits. So nothing is lost when two
events start one run, when the triggerer restarts, or when an event is missed; the DAG's clock rings as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from include.config.domain import Domain

log = logging.getLogger(__name__)
RECONNECT_SECONDS = 10.0


class LandingTrigger(BaseEventTrigger):
    """Rings when files appear in the landing folders, and once at its start: something may wait already."""

    def __init__(self, poll_seconds: float = 0.5) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return ("plugins.landing_watch.LandingTrigger", {"poll_seconds": self.poll_seconds})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        folders = await asyncio.to_thread(landing_folders)
        known: frozenset[tuple[str, int]] = frozenset()
        while True:
            found = await asyncio.to_thread(landed_files, folders)
            if found - known:
                yield TriggerEvent({"files": len(found - known)})
            known = found
            await asyncio.sleep(self.poll_seconds)


class TopicTrigger(BaseEventTrigger):
    """Rings when a message comes, and once at its start; for ever quiet where the domain names no topic."""

    def __init__(self, poll_seconds: float = 0.5) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return ("plugins.landing_watch.TopicTrigger", {"poll_seconds": self.poll_seconds})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        domain = await asyncio.to_thread(load_own_domain)
        while domain.refresh.kafka.topic is None:
            await asyncio.sleep(3600)
        while True:
            try:
                async for messages in listen(domain, self.poll_seconds):
                    yield TriggerEvent({"messages": messages})
            except Exception as error:  # the broker may be back later; the DAG's clock rings meanwhile
                log.warning("listening to %s failed: %s", domain.refresh.kafka.topic, error)
            await asyncio.sleep(RECONNECT_SECONDS)


def load_own_domain() -> Domain:
    from include.config.domain import load_domain
    from include.settings import load_settings

    return load_domain(load_settings().config)


def landing_folders() -> tuple[Path, ...]:
    """The folders of the domain that NIGHTJAR_CONFIG names."""
    from include.ingest.ingest import KINDS
    from include.landing.files import landing_folder
    from include.settings import load_settings

    settings, domain = load_settings(), load_own_domain()
    return tuple(dict.fromkeys(landing_folder(domain, settings, kind) for kind in KINDS))


def landed_files(folders: tuple[Path, ...]) -> frozenset[tuple[str, int]]:
    """Path and time of change of every landing file, by the reader's own rules."""
    from include.landing.files import landed

    return frozenset().union(*(landed(folder) for folder in folders))


async def listen(domain: Domain, poll_seconds: float) -> AsyncIterator[int]:
    """Yield 0 once connected, then the number of messages that came in each poll that brought any."""
    from confluent_kafka import OFFSET_END, Consumer, TopicPartition

    topic = domain.refresh.kafka.topic
    assert topic is not None  # the trigger is made only where the domain file names one
    consumer = Consumer(
        {
            "bootstrap.servers": domain.refresh.kafka.servers,
            "group.id": "nightjar-doorbell",
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
        }
    )
    try:
        listed = await asyncio.to_thread(consumer.list_topics, topic, 10.0)
        partitions = listed.topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_END) for partition in partitions])
        yield 0
        while True:
            messages = await asyncio.to_thread(consumer.consume, 10_000, poll_seconds)
            whole = [message for message in messages if message.error() is None]
            if whole:
                yield len(whole)
    finally:
        consumer.close()
