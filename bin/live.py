"""Replay events at a chosen rate and tell how long each second's took to show: make live RATE=50 SECONDS=60

The kept-back events of NIGHTJAR_HOME/live/ come first, then made-up ones of users and items that the lake
knows. They land as a file a second, or, with KAFKA=servers/topic, as messages. Something must refresh
meanwhile: `make airflow` does. Ends when all is visible, or WAIT seconds (60) after the last one landed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from include.config.domain import Domain, load_domain
from include.errors import ConfigError, DataError, NightjarError
from include.lake.lake import Lake, open_lake
from include.landing.files import landing_folder
from include.settings import Settings, load_settings, utc_now
from include.whole_files import write_whole

POLL_SECONDS = 0.1
SEED = 42
HINT_SECONDS = 20
HINT = "is `make airflow` running, and refresh_recommendations switched on in its UI?"
# Users and items that made-up events are of.
SAMPLE = 2000
Event = dict[str, object]
# Lands the events of one second; returns what tells whether the lake holds them.
Lander = Callable[[list[Event]], Callable[[Lake], bool]]


@dataclass
class Landed:
    """The events of one second.  seconds: from landing to visible; None: not yet."""

    events: int
    at: float
    is_visible: Callable[[Lake], bool]
    seconds: float | None = None


@dataclass
class Progress:
    landed: list[Landed] = field(default_factory=list)

    @property
    def waiting(self) -> list[Landed]:
        return [one for one in self.landed if one.seconds is None]

    def look(self, lake: Lake) -> None:
        """Note what has become visible."""
        for one in self.waiting:
            if not one.is_visible(lake):
                break  # batches are taken in in order
            one.seconds = time.monotonic() - one.at

    def line(self) -> str:
        shown = [one for one in self.landed if one.seconds is not None]
        text = f"{sum(one.events for one in self.landed)} landed, {sum(one.events for one in shown)} visible"
        if shown:
            seconds = sorted(one.seconds or 0.0 for one in shown)
            p50, p95 = (seconds[min(len(seconds) - 1, int(share * len(seconds)))] for share in (0.5, 0.95))
            text += f"; landing to visible p50 {p50:.1f} s, p95 {p95:.1f} s, most {seconds[-1]:.1f} s"
        return text


def main() -> int:
    try:
        settings = load_settings()
        domain = load_domain(settings.config)
        rate, seconds, wait = (_number(*pair) for pair in (("RATE", 50), ("SECONDS", 60), ("WAIT", 60)))
        lander = (
            topic_lander(os.environ["KAFKA"]) if os.environ.get("KAFKA") else file_lander(settings, domain)
        )
        with open_lake(settings, read_only=True) as lake:
            return replay(lake, live_events(lake, domain), lander, rate, seconds, wait)
    except NightjarError as error:
        print(f"live: {error}", file=sys.stderr)
        return 2


def replay(
    lake: Lake, events: Iterator[Event], lander: Lander, rate: float, seconds: float, wait: float
) -> int:
    """Land ``rate`` events each second for ``seconds``; 0 when all became visible, else 1."""
    progress = Progress()
    began = time.monotonic()
    for second in range(1, int(seconds) + 1):
        # What is due by now: a rate below one, or of a fraction, comes out right over time.
        due = int(second * rate) - int((second - 1) * rate)
        batch = [next(events) for _ in range(due)]
        if batch:
            progress.landed.append(Landed(due, time.monotonic(), lander(batch)))
        while time.monotonic() < began + second:
            progress.look(lake)
            time.sleep(POLL_SECONDS)
        _tell(f"{second} s: {progress.line()}", is_last=False)
        if second == HINT_SECONDS and len(progress.waiting) == len(progress.landed):
            print(f"\nnothing of it is visible yet: {HINT}", flush=True)
    deadline = time.monotonic() + wait
    while progress.waiting and time.monotonic() < deadline:
        progress.look(lake)
        time.sleep(POLL_SECONDS)
    _tell(progress.line(), is_last=True)
    if left := sum(one.events for one in progress.waiting):
        print(f"{left} events are not visible {wait:g} s after the last one landed: {HINT}")
    return 1 if left else 0


def live_events(lake: Lake, domain: Domain) -> Iterator[Event]:
    """The kept-back events that the lake has not seen, then made-up ones, without end.

    Made-up ones are a second apart from the newest event on, or now where the domain's clock is the wall's.
    """
    newest = lake.value("select max(position::timestamp) from ops.watermarks where source = 'events'")
    if newest is None:
        raise DataError("the lake holds no events yet; run `make demo` or `make nightly` first")
    for row in _kept_back(lake.settings.home / "live"):
        at = datetime.fromisoformat(str(row["event_at"]).replace("Z", "")).replace(tzinfo=None)
        if at > newest:
            yield row
            newest = at
    yield from _made_up(lake, domain, newest)


def _kept_back(folder: Path) -> Iterator[Event]:
    for path in sorted(folder.glob("**/*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _made_up(lake: Lake, domain: Domain, newest: datetime) -> Iterator[Event]:
    rng = random.Random(f"{SEED} {newest}")
    users, items = (
        [
            row[0]
            for row in lake.rows(f"select {key} from features.{table} order by events desc, 1 limit {SAMPLE}")
        ]
        for key, table in (("user_id", "user_stats"), ("item_id", "item_stats"))
    )
    if not users or not items:
        raise DataError("the lake knows no users with events yet; run `make nightly` first")
    types = domain.events.types
    step = 0
    while True:
        step += 1
        name = rng.choice(list(types))
        at = utc_now() if domain.clock == "wall" else newest + timedelta(seconds=step)
        yield {
            "user_id": rng.choice(users),
            "item_id": rng.choice(items),
            "event_type": name,
            "event_at": at.isoformat(timespec="microseconds") + "Z",
        } | ({"value": rng.randint(1, 5)} if types[name].weight is None else {})


def file_lander(settings: Settings, domain: Domain) -> Lander:
    """A JSON lines file a second, renamed into place.  Raises ConfigError where columns are mapped."""
    if domain.sources["events"].columns:
        raise ConfigError(
            "sources.events.columns",
            "a mapping",
            "no mapping: live events have the landing contract's own names; use KAFKA=servers/topic",
            domain.file.name,
        )
    folder = landing_folder(domain, settings, "events")

    def land(events: list[Event]) -> Callable[[Lake], bool]:
        name = f"live-{time.time_ns()}.jsonl"
        write_whole(folder / name, "".join(json.dumps(event) + "\n" for event in events))
        return lambda lake: bool(
            lake.value("select count(*) from ops.ingests where source = 'events' and file = ?", [name])
        )

    return land


def topic_lander(address: str) -> Lander:
    """Messages; visible once the offsets that the lake holds lie behind them all."""
    from confluent_kafka import Producer

    servers, _, topic = address.rpartition("/")
    if not servers or not topic:
        raise ConfigError("KAFKA", address, "servers/topic, as 127.0.0.1:9092/events")
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})

    def land(events: list[Event]) -> Callable[[Lake], bool]:
        newest: dict[int, int] = {}

        def delivered(error: object, message: object) -> None:
            if error is not None:
                raise DataError(f"Kafka at {servers} refused a message: {error}")
            partition, offset = message.partition(), message.offset()  # type: ignore[attr-defined]
            newest[partition] = max(offset, newest.get(partition, -1))

        for event in events:
            producer.produce(topic, json.dumps(event), key=str(event["user_id"]), on_delivery=delivered)
        if producer.flush(30):
            raise DataError(f"Kafka at {servers} did not take all messages within 30 s")
        return lambda lake: _is_behind(lake, topic, newest)

    return land


def _is_behind(lake: Lake, topic: str, newest: Mapping[int, int]) -> bool:
    positions = dict(
        lake.rows(
            "select source, position from ops.watermarks where starts_with(source, ?)", [f"kafka:{topic}/"]
        )
    )
    return all(
        int(positions.get(f"kafka:{topic}/{partition}", 0)) > offset for partition, offset in newest.items()
    )


def _number(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise ConfigError(name, text, "a number above 0")
    return value


def _tell(line: str, *, is_last: bool) -> None:
    if sys.stdout.isatty():
        print(f"\r\x1b[K{line}", end="\n" if is_last else "", flush=True)
    else:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
