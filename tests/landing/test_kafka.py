"""A Kafka topic on a real broker process: the same rows as by files, and offsets that live in the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from include.config.domain import Domain
from include.errors import ConfigError, DataError, OvertakenError
from include.ingest.ingest import ingest_pending, write_batch
from include.ingest.staged_batch import BatchCounts
from include.ingest.topic_batches import KafkaSource, kafka_source
from include.lake.lake import Lake, open_lake
from include.settings import Settings
from tests.support.kafka import make_topic, running_broker, send

NOW = datetime(2024, 6, 1, 12, 0, 0)
EVENTS = [
    {"user_id": f"u{i}", "item_id": f"i{i % 3}", "event_type": "purchase", "event_at": 1714557600 + i}
    for i in range(20)
]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with running_broker() as address:
        yield address


@pytest.fixture
def topic(servers: str, request: pytest.FixtureRequest) -> str:
    return make_topic(servers, request.node.name, partitions=1)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


def take_in(source: KafkaSource, lake: Lake, domain: Domain) -> BatchCounts | None:
    batches = source.stage(lake, domain, "run", NOW)
    return write_batch(lake, batches[0]) if batches else None


EVENT_COLUMNS = "select * exclude (batch_id) from raw.events order by event_id"


def test_topic_and_files_give_the_same_rows(
    lake: Lake, domain: Domain, settings: Settings, servers: str, topic: str, tmp_path: Path
) -> None:
    (settings.landing / "events" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in EVENTS))
    ingest_pending(lake, domain, settings, run_id="run", ingested_at=NOW)
    send(servers, topic, [*EVENTS, *EVENTS[:3]])
    other = Settings(
        **{**settings.__dict__, "home": tmp_path / "b", "lake": f"sqlite:{tmp_path}/b/lake/c.sqlite"}
    )
    source = KafkaSource(servers, topic, batch_rows=1000)
    with open_lake(other) as by_topic:
        counts = take_in(source, by_topic, domain)
        assert counts is not None
        assert (counts.rows_in, counts.accepted, counts.deduplicated) == (23, 20, 3)
        assert by_topic.rows(EVENT_COLUMNS) == lake.rows(EVENT_COLUMNS)
    # The lake that has the files' rows finds nothing new in the topic.
    again = take_in(source, lake, domain)
    assert again is not None and (again.accepted, again.deduplicated) == (0, 23)
    source.close()


def test_offsets_commit_with_the_rows_or_not_at_all(
    lake: Lake, domain: Domain, servers: str, topic: str
) -> None:
    send(servers, topic, list(EVENTS))
    source = KafkaSource(servers, topic, batch_rows=8)
    first = source.stage(lake, domain, "run", NOW)
    assert source.stage(lake, domain, "run", NOW)[0].batch_id == first[0].batch_id
    seen = []
    while (counts := take_in(source, lake, domain)) is not None:
        # A new consumer knows no more than the lake says.
        source.close()
        source = KafkaSource(servers, topic, batch_rows=8)
        seen.append(counts.accepted)
    source.close()
    assert seen == [8, 8, 4]
    assert lake.rows(
        "select position, lag_rows from ops.watermarks where source = ?", [f"kafka:{topic}/0"]
    ) == [("20", 0)]
    assert lake.value("select count(*) from raw.events") == 20


def test_of_two_writers_at_the_same_offsets_one_commits_and_no_position_falls(
    lake: Lake, domain: Domain, settings: Settings, servers: str, topic: str
) -> None:
    send(servers, topic, list(EVENTS))
    slow, fast = KafkaSource(servers, topic, batch_rows=8), KafkaSource(servers, topic, batch_rows=100)
    with open_lake(settings) as other:
        staged = slow.stage(lake, domain, "slow", NOW)[0]
        assert take_in(fast, other, domain) is not None
        with pytest.raises(OvertakenError, match=f"kafka:{topic}/0 from its start to 20"):
            write_batch(lake, staged)
    assert lake.rows("select position from ops.watermarks where source like 'kafka:%'") == [("20",)]
    assert lake.rows("select rows_in, accepted from ops.ingests") == [(20, 20)]
    assert take_in(slow, lake, domain) is None
    for source in (slow, fast):
        source.close()


def test_what_is_no_event_is_counted_at_its_offset(
    lake: Lake, domain: Domain, servers: str, topic: str
) -> None:
    pretty = json.dumps(EVENTS[1], indent=2).encode().replace(b"\n", b"\r\n")
    send(
        servers,
        topic,
        [EVENTS[0], None, b"", b'{"torn', b"\xff\xfe", b'{"user_id": "\x07"}', pretty, {"user_id": "u"}],
    )
    source = KafkaSource(servers, topic, batch_rows=1000)
    counts = take_in(source, lake, domain)
    source.close()
    assert counts is not None and (counts.rows_in, counts.accepted, counts.quarantined) == (8, 2, 6)
    assert lake.rows("select source, position, reason from raw.quarantine order by position") == [
        (f"events/{topic}/0", offset, reason)
        for offset, reason in [
            (1, "tombstone"),
            (2, "tombstone"),
            (3, "invalid_json"),
            (4, "invalid_utf8"),
            (5, "invalid_json"),
            (7, "missing_item_id"),
        ]
    ]


def test_every_partition_has_its_offset(lake: Lake, domain: Domain, servers: str) -> None:
    topic = make_topic(servers, "partitions", 3)
    for partition in (0, 2):
        send(servers, topic, EVENTS[partition : partition + 2], partition)
    source = KafkaSource(servers, topic, batch_rows=1000)
    counts = take_in(source, lake, domain)
    assert counts is not None and (counts.accepted, counts.files) == (4, 2)
    send(servers, topic, EVENTS[10:11], 1)
    assert take_in(source, lake, domain) is not None
    source.close()
    assert lake.rows("select source, position from ops.watermarks where source <> 'events' order by 1") == [
        ("kafka:partitions/0", "2"),
        ("kafka:partitions/1", "1"),
        ("kafka:partitions/2", "2"),
    ]


def test_a_topic_made_anew_is_reported_and_read_again(
    lake: Lake, domain: Domain, servers: str, topic: str
) -> None:
    send(servers, topic, EVENTS[:3])
    lake.con.execute("insert into ops.watermarks values (?, '500', null, 0, ?)", [f"kafka:{topic}/0", NOW])
    source = KafkaSource(servers, topic, batch_rows=1000, timeout_seconds=2)
    counts = take_in(source, lake, domain)
    source.close()
    assert counts is not None and (counts.accepted, counts.quarantined) == (3, 1)
    assert lake.rows("select position, reason from raw.quarantine") == [
        (0, "gap: offset 500 is beyond the end; the topic was made anew, read from its start")
    ]
    assert lake.value("select position from ops.watermarks where source like 'kafka:%'") == "3"


@pytest.mark.slow
def test_messages_deleted_before_they_were_read_are_reported(lake: Lake, domain: Domain) -> None:
    """The broker inside librdkafka keeps 5 MiB of a partition, and deletes the oldest messages beyond it."""
    from confluent_kafka import Producer

    keeper = Producer({"test.mock.num.brokers": 1, "log_level": 0})  # the broker lives as long as it
    (broker,) = keeper.list_topics(timeout=10).brokers.values()
    short = f"{broker.host}:{broker.port}"
    source = KafkaSource(short, "short", batch_rows=1000, timeout_seconds=5)

    send(short, "short", EVENTS[:2])
    assert take_in(source, lake, domain) is not None
    send(short, "short", [b"x" * 900_000] * 9)  # offsets 2 to 10, of which the last five fit
    send(short, "short", EVENTS[2:3])
    counts = take_in(source, lake, domain)
    source.close()
    assert counts is not None and counts.accepted == 1
    first, *others = lake.rows("select position, reason from raw.quarantine order by position")
    oldest_kept = others[0][0]
    assert 2 < oldest_kept < 11
    assert first == (0, f"gap: offsets 2 to {oldest_kept - 1} were deleted before they were read")
    assert [position for position, _ in others] == list(range(oldest_kept, 11))
    assert lake.value("select position from ops.watermarks where source like 'kafka:%'") == "12"


def test_missing_broker_topic_and_setting_are_named(lake: Lake, domain: Domain, servers: str) -> None:
    nobody = KafkaSource("127.0.0.1:1", "events", 10, timeout_seconds=0.5)
    with pytest.raises(DataError, match="cannot reach Kafka at 127.0.0.1:1"):
        nobody.stage(lake, domain, "run", NOW)
    nobody.close()
    absent = KafkaSource(servers, "absent", 10)
    with pytest.raises(DataError, match="has no topic 'absent'"):
        absent.stage(lake, domain, "run", NOW)
    absent.close()
    with pytest.raises(ConfigError, match="refresh.kafka"):
        kafka_source(domain)
