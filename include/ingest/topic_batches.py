"""A Kafka topic of events as a source of batches, committed by the code that commits files."""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.errors import ConfigError
from include.ingest.batch import stage_prepared, work_folder
from include.ingest.staged_batch import StagedBatch, TopicPosition
from include.lake.lake import Lake
from include.landing.prepare import PreparedFile
from include.landing.topic import TopicReader, prepare_gap, prepare_partition


class KafkaSource:
    """Events of a topic: JSON as in the landing contract, one event a message.

    Offsets are rows of ops.watermarks (source ``kafka:topic/partition``, position the next offset) that are
    committed with the events, so each message counts once whatever is killed when. A message that was
    published twice has two offsets and one event_id: deduplicated.
    """

    def __init__(self, servers: str, topic: str, batch_rows: int, timeout_seconds: float = 10.0) -> None:
        self._reader = TopicReader(servers, topic, timeout_seconds)
        self._topic = topic
        self._batch_rows = batch_rows

    def close(self) -> None:
        self._reader.close()

    def stage(self, lake: Lake, domain: Domain, run_id: str, ingested_at: datetime) -> list[StagedBatch]:
        """The next batch, in a list of one; empty: nothing waits.  The same again until it is committed.

        Raises DataError when the broker cannot be reached or has no such topic.
        """
        before = self._positions(lake)
        reads = self._reader.read(before, self._batch_rows)
        with work_folder(lake.settings.home / "tmp") as folder:
            prepared: list[PreparedFile] = []
            for read in reads:
                if read.gap:
                    prepared.append(prepare_gap(self._topic, read, len(prepared)))
                if read.lines:
                    prepared.append(prepare_partition(self._topic, read, len(prepared), folder))
            if not prepared:
                return []
            offsets = [
                TopicPosition(
                    _source(self._topic, read.partition),
                    start=str(before[read.partition]) if read.partition in before else None,
                    next=str(read.next or 0),
                    lag_rows=0 if read.is_drained else None,
                )
                for read in reads
                if read.lines or read.gap
            ]
            return [
                stage_prepared(
                    lake, domain, "events", prepared, run_id=run_id, ingested_at=ingested_at, offsets=offsets
                )
            ]

    def _positions(self, lake: Lake) -> dict[int, int]:
        rows = lake.rows(
            "select source, position from ops.watermarks where starts_with(source, ?)",
            [_source(self._topic, "")],
        )
        return {int(source.rpartition("/")[2]): int(position) for source, position in rows}


def kafka_source(domain: Domain) -> KafkaSource:
    """The topic that the domain file names.  Raises ConfigError when it names none."""
    topic, servers = domain.refresh.kafka.topic, domain.refresh.kafka.servers
    if topic is None or servers is None:
        raise ConfigError("refresh.kafka", None, "a mapping with topic and servers", domain.file.name)
    return KafkaSource(servers, topic, domain.refresh.batch_rows)


def _source(topic: str, partition: int | str) -> str:
    return f"kafka:{topic}/{partition}"
