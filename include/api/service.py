"""What the routes ask: lists from memory where they are held, else from the lake; all of it read-only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
from fastapi.concurrency import run_in_threadpool

from include.api.item_maps import ItemMaps
from include.api.landing_rows import LandingRows
from include.api.live_lists import LiveList, LiveLists
from include.api.refusals import Refused
from include.api.served_log import ServedLog
from include.config.domain import Domain
from include.errors import LakeError, NightjarError
from include.interactions.catalogue import Catalogue
from include.lake.lake import Lake
from include.serving.ask import Asked
from include.serving.by_model import Among
from include.serving.connection import open_reader, when_unlocked
from include.serving.look_ups import Freshness, LookUps
from include.serving.recommend import MAX_ITEMS, Answer, Reader, Recommended
from include.settings import Settings, utc_now

log = logging.getLogger(__name__)
# How long after a commit the lists in memory may still be those of before.
WATCH_SECONDS = 0.2
NO_LAKE = "there is no lake to read yet: run `make nightly` (or `make demo`)"


@dataclass(frozen=True)
class Wanted:
    """What a request narrows its answer to; empty: nothing."""

    category: str | None = None
    exclude: frozenset[str] = frozenset()
    min_price: float | None = None
    max_price: float | None = None

    def among(self) -> Among | None:
        """Which items of a catalogue may be answered; None: all of them.

        An item without a price fits no range. Raises Refused where no item of the domain has a price.
        """
        if self == Wanted():
            return None

        def fitting(catalogue: Catalogue) -> np.ndarray:
            fits = ~np.isin(catalogue.item_ids, list(self.exclude))
            if self.category is not None:
                category = catalogue.category
                fits &= np.zeros(len(fits), bool) if category is None else category == self.category
            if self.min_price is not None or self.max_price is not None:
                price = catalogue.attributes.get("price")
                if price is None:
                    raise Refused(400, "no price range can be asked for: the items have no attribute 'price'")
                low = -np.inf if self.min_price is None else self.min_price
                high = np.inf if self.max_price is None else self.max_price
                fits &= (price >= low) & (price <= high)
            return fits

        return fitting


@dataclass(frozen=True)
class Request:
    """A list asked for.  session: items just looked at, newest last.  variant: of an experiment, logged."""

    user_id: str
    n: int = 10
    session: tuple[str, ...] = ()
    ask: str | None = None
    previous: Asked | None = None
    wanted: Wanted = field(default_factory=Wanted)
    variant: str | None = None


class Service:
    """One a process.  Opens the lake when there is one, and watches it from a thread of its own."""

    def __init__(self, settings: Settings, domain: Domain) -> None:
        self.settings = settings
        self.domain = domain
        self.landing = LandingRows(settings, domain)
        self.lists = LiveLists()
        self.maps = ItemMaps(lambda: self.look_ups, domain)
        self.served = ServedLog(settings.home / "served")
        self._reader: Reader | None = None
        self._look_ups: LookUps | None = None
        self._titles: dict[str, str] = {}
        self._item_files: object = None
        self._opening = threading.Lock()
        self._stopped = threading.Event()
        self._watched = threading.Event()
        self._watch = threading.Thread(target=self._follow, name="lake watch", daemon=True)
        self._watch.start()
        threading.Thread(target=self._warm, name="warm reader", daemon=True).start()

    def close(self) -> None:
        self._stopped.set()
        self._watch.join(timeout=10)
        self.served.close()
        self.landing.close()
        for one in (self._reader, self._look_ups):
            if one is not None:
                one.close()

    def wait_until_watched(self, seconds: float) -> bool:
        """Whether the lists were read once, waiting so long at most."""
        return self._watched.wait(seconds)

    @property
    def reader(self) -> Reader:
        """Raises Refused (503) where there is no lake."""
        if self._reader is None:
            with self._opening:
                self._reader = self._reader or _opened(lambda: Reader(self.settings, self.domain))
        return self._reader

    @property
    def look_ups(self) -> LookUps:
        """Raises Refused (503) where there is no lake."""
        if self._look_ups is None:
            with self._opening:
                self._look_ups = self._look_ups or _opened(lambda: LookUps(self.settings))
        return self._look_ups

    def freshness(self) -> Freshness:
        return self.look_ups.freshness()

    def from_memory(self, request: Request) -> Answer | None:
        """The answer to a plain request, without a look at the lake; None where it takes one."""
        if request.session or request.ask is not None or request.wanted != Wanted() or request.n < 1:
            return None
        found = self.lists.get(request.user_id)
        return None if found is None else _answer(request, found)

    async def answer(self, request: Request) -> Answer:
        """`recommend`, without a thread for what is in memory."""
        found = self.from_memory(request)
        return found if found is not None else await run_in_threadpool(self.recommend, request)

    def recommend(self, request: Request) -> Answer:
        """Raises DataError on what cannot be asked, ModelError where it takes a model that cannot be used."""
        return self.from_memory(request) or self.reader.recommend(
            request.user_id,
            request.n,
            request.session,
            ask=request.ask,
            previous=request.previous,
            among=request.wanted.among(),
        )

    def rerank(self, user_id: str, item_ids: Sequence[str], session: Sequence[str]) -> Answer:
        """The given items in the person's order: see `Reader.rerank`."""
        return self.reader.rerank(user_id, item_ids, session)

    def told(self, answer: Answer, request: Request | None = None) -> dict[str, Any]:
        """The answer as the API gives it, logged as served."""
        recommendation_id = uuid4().hex
        titles = self.titles([row.item_id for row in answer.items])
        body: dict[str, Any] = {
            "recommendation_id": recommendation_id,
            "publication_id": answer.publication_id,
            "model_version": answer.model_version,
            "as_of": instant(answer.generated_at),
            "fallback": answer.fallback,
            "items": [_item(row, titles) for row in answer.items],
        }
        if answer.asked is not None:
            body["asked"] = list(answer.asked.turns)
        line = {
            "recommendation_id": recommendation_id,
            "user_id": answer.user_id,
            "publication_id": answer.publication_id,
            "fallback": answer.fallback,
            "variant": request.variant if request else None,
            "item_ids": [row.item_id for row in answer.items],
        }
        self.served.add(utc_now(), line)
        return body

    def titles(self, item_ids: Sequence[str]) -> Mapping[str, str]:
        """Titles of items; an item without one is left out."""
        return self._titles

    def _warm(self) -> None:
        """Load what answers take that memory has not, once there is a lake."""
        while not self._stopped.is_set() and not self._watched.wait(1):
            pass
        if not self._stopped.is_set():
            try:
                self.reader.warm()
                self.maps.current()
            except (Refused, NightjarError) as error:
                log.warning("sessions, filters and requests wait for a model: %s", error)
            except duckdb.Error:
                if not self._stopped.is_set():  # else closed while it read
                    log.exception("not warmed; the first answers wait for it")

    def _follow(self) -> None:
        """The watch's thread: keep lists and titles current until the service is closed."""
        lake: Lake | None = None
        while not self._stopped.is_set():
            try:
                lake = lake or open_reader(self.settings)
                when_unlocked(partial(self._look, lake))
                self._watched.set()
            except LakeError:
                pass  # there is none yet; every answer says so
            except Exception:
                # The lists in memory are as they were: better none than old ones.
                log.exception("the lake cannot be followed; lists are read from it until it can")
                self.lists = LiveLists()
                if lake is not None:
                    lake.close()
                    lake = None
            self._stopped.wait(WATCH_SECONDS)
        if lake is not None:
            lake.close()

    def _look(self, lake: Lake) -> None:
        """All of it at one snapshot."""
        lake.con.execute("begin")
        try:
            if self.lists.refresh(lake) and (files := lake.files("raw.items")) != self._item_files:
                rows = lake.rows("select item_id, title from raw.items where title is not null")
                self._titles, self._item_files = dict(rows), files
        finally:
            lake.con.execute("rollback")


def _opened(make: Any) -> Any:
    try:
        return make()
    except LakeError as error:
        raise Refused(503, f"{NO_LAKE}; {error}") from None


def _answer(request: Request, found: LiveList) -> Answer:
    if request.n > MAX_ITEMS:
        raise Refused(400, f"n is {request.n}; expected 1 to {MAX_ITEMS}")
    rows = found.rows[: request.n]
    items = tuple(Recommended(rank, *row) for rank, row in enumerate(rows, start=1))
    return Answer(request.user_id, found.publication_id, found.model_version, found.as_of, None, items)


def _item(row: Recommended, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "item_id": row.item_id,
        "title": titles.get(row.item_id, row.item_id),
        "score": row.score,
        "source": row.source,
        "reason": row.reason,
    }


def instant(at: datetime | None) -> str | None:
    """ISO-8601 with a Z; None stays None."""
    return None if at is None else f"{at.isoformat()}Z"
