"""The map of items that the pages show, made once a model version."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from markupsafe import Markup

from include.config.domain import Domain
from include.reporting.item_map import ItemMap, Person, draw_map, place_items, read_item_map
from include.serving.look_ups import LookUps

log = logging.getLogger(__name__)


class ItemMaps:
    """Threads may share it: one makes the map, the others wait for it."""

    def __init__(self, look_ups: Callable[[], LookUps], domain: Domain) -> None:
        self._look_ups = look_ups
        self._domain = domain
        self._lock = threading.Lock()
        self._made: tuple[str, ItemMap | None] | None = None

    def current(self) -> ItemMap | None:
        """Of the live publication's model; None where nothing is published, or no item has a text."""
        newest = self._look_ups().publications(1)
        if not newest:
            return None
        version = newest[0]["model_version"]
        with self._lock:
            if self._made is None or self._made[0] != version:
                started = time.monotonic()
                found = self._look_ups().work(lambda lake: read_item_map(lake.con, self._domain))
                log.info(
                    "map: %d items, %.1f s", len(found.items) if found else 0, time.monotonic() - started
                )
                self._made = (version, found)
            return self._made[1]

    def draw(self, item_map: ItemMap, person: Person, item_url: str) -> Markup:
        """item_url: see `draw_map`."""
        shown = {item.item_id for item in item_map.items}
        others = [item for item in {**person.had, **person.listed} if item not in shown]
        elsewhere = (
            self._look_ups().work(lambda lake: place_items(lake.con, self._domain, item_map.axes, others))
            if others
            else {}
        )
        return draw_map(item_map, person, elsewhere, item_url)
