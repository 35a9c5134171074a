"""Reading a Kafka topic from offsets that the lake holds.

Partitions are assigned by hand, so no rebalance moves them, and nothing is ever committed to the broker:
where to go on is written in the lake, in the transaction that writes the rows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from include.errors import DataError
from include.landing.clean import INVALID_UTF8, NUL, clean_message
from include.landing.prepare import OFFSET_DIGITS, PreparedFile

log = logging.getLogger(__name__)
# A batch is worked off in memory-bounded steps; messages wait at the broker meanwhile.
MAX_BATCH_BYTES = 64 << 20
MAX_MESSAGE_BYTES = 1_900_000
_CONSUME_AT_ONCE = 10_000


@dataclass
class PartitionRead:
    """What was read of one partition.  next: the offset to go on from.  is_drained: its end was reached."""

    partition: int
    next: int | None
    lines: list[str] = field(default_factory=list)
    is_drained: bool = False
    gap: str | None = None


class TopicReader:
    """A consumer of one topic.  Raises DataError when the broker or the topic is not there."""

    def __init__(self, servers: str, topic: str, timeout_seconds: float = 10.0) -> None:
        self.topic = topic
        self._servers = servers
        self._timeout = timeout_seconds
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                # The client wants a name of a group; nothing is stored under it.
                "group.id": "nightjar",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # An offset that is not there is a gap to report, not a place to jump from silently.
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                "socket.timeout.ms": int(timeout_seconds * 1000),
            },
            logger=log,
        )

    def close(self) -> None:
        self._consumer.close()

    def read(self, positions: Mapping[int, int], max_messages: int) -> list[PartitionRead]:
        """Messages from ``positions`` (partition -> next offset; a partition that is not named starts at its
        beginning) to the end of the topic as it is now, at most ``max_messages``, in order of partition."""
        reads = {
            partition: PartitionRead(partition, positions.get(partition)) for partition in self._partitions()
        }
        self._check_start(reads)
        self._consumer.assign(
            [
                TopicPartition(
                    self.topic, read.partition, OFFSET_BEGINNING if read.next is None else read.next
                )
                for read in reads.values()
            ]
        )
        try:
            self._consume(reads, max_messages)
        finally:
            self._consumer.unassign()
        return [reads[partition] for partition in sorted(reads)]

    def _partitions(self) -> list[int]:
        try:
            found = self._consumer.list_topics(self.topic, timeout=self._timeout).topics[self.topic]
        except KafkaException as error:
            raise DataError(f"cannot reach Kafka at {self._servers}: {error}; is the broker up?") from error
        if found.error is not None or not found.partitions:
            raise DataError(
                f"Kafka at {self._servers} has no topic {self.topic!r}: {found.error};"
                " create it, or name another in refresh.kafka.topic"
            )
        return sorted(found.partitions)

    def _check_start(self, reads: Mapping[int, PartitionRead]) -> None:
        """Positions before the first message that the broker still holds move there."""
        for read in reads.values():
            if read.next is None:
                continue
            low, _ = self._consumer.get_watermark_offsets(
                TopicPartition(self.topic, read.partition), timeout=self._timeout
            )
            if read.next < low:
                _report_gap(read, f"gap: offsets {read.next} to {low - 1} were deleted before they were read")
                read.next = low

    def _consume(self, reads: Mapping[int, PartitionRead], max_messages: int) -> None:
        count = size = 0
        while count < max_messages and size < MAX_BATCH_BYTES:
            messages = self._consumer.consume(min(_CONSUME_AT_ONCE, max_messages - count), self._timeout)
            if not messages and not self._restart(reads):
                raise DataError(
                    f"Kafka at {self._servers} sent nothing of topic {self.topic!r} for {self._timeout:g} s;"
                    " nothing was taken in"
                )
            for message in messages:
                error, partition = message.error(), message.partition()
                if error is not None:
                    self._handle(error, None if partition is None else reads.get(partition))
                elif partition is not None:
                    size += _take(message, reads[partition])
                    count += 1
            if all(read.is_drained for read in reads.values()):
                return

    def _handle(self, error: KafkaError, read: PartitionRead | None) -> None:
        if read and error.code() == KafkaError._PARTITION_EOF:
            read.is_drained = True
        elif read and error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._start_over(read)
        else:
            raise DataError(f"reading topic {self.topic!r} of Kafka at {self._servers} failed: {error}")

    def _restart(self, reads: Mapping[int, PartitionRead]) -> bool:
        """Start partitions over whose end lies before the position; whether there are any.

        A broker may answer a fetch beyond the end with an error, or not at all.
        """
        restarted = False
        for read in reads.values():
            if read.is_drained or read.lines or read.next is None:
                continue
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(self.topic, read.partition), timeout=self._timeout
            )
            if end < read.next:
                self._start_over(read)
                restarted = True
        return restarted

    def _start_over(self, read: PartitionRead) -> None:
        _report_gap(
            read, f"gap: offset {read.next} is beyond the end; the topic was made anew, read from its start"
        )
        read.next = None
        self._consumer.seek(TopicPartition(self.topic, read.partition, OFFSET_BEGINNING))


def _report_gap(read: PartitionRead, gap: str) -> None:
    log.warning("partition %d: %s", read.partition, gap)
    read.gap = gap


def _take(message: Message, read: PartitionRead) -> int:
    """Keep a message as its offset and one line; returns its size in bytes."""
    offset = message.offset()
    value = message.value() or b""
    assert offset is not None
    # Longer than any line may be: what is kept of it is no JSON, so it is quarantined.
    line = clean_message(value[:65_536] if len(value) > MAX_MESSAGE_BYTES else value)
    read.lines.append(f"{offset:0{OFFSET_DIGITS}d}{line}\n")
    read.next = offset + 1
    read.is_drained = False
    return len(value)


def prepare_partition(topic: str, read: PartitionRead, number: int, folder: Path) -> PreparedFile:
    """The messages of a partition as a file of the batch."""
    data = "".join(read.lines)
    path = folder / f"{number:06d}.offsets"
    path.write_text(data, encoding="utf-8", newline="\n")
    encoded = data.encode("utf-8")
    return PreparedFile(
        number,
        f"{topic}/{read.partition}",
        hashlib.sha256(encoded).hexdigest(),
        len(encoded),
        "offsets",
        path,
        rows=len(read.lines),
        has_marks=INVALID_UTF8 in data or NUL in data,
    )


def prepare_gap(topic: str, read: PartitionRead, number: int) -> PreparedFile:
    """A gap as a file that could not be read: a row of the ledger and of the quarantine name it."""
    name = f"{topic}/{read.partition}"
    content_hash = hashlib.sha256(f"{name} {read.gap}".encode()).hexdigest()
    return PreparedFile(
        number, name, content_hash, 0, "offsets", Path(), status="unreadable", problem=read.gap
    )
