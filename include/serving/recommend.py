"""A user's list at read time: read from the lake, put in the order of the session, never written.

with Reader(settings, domain) as reader:
    answer = reader.recommend("u42", 10, session_items=["i7", "i9"])
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any

import numpy as np

from include.config.domain import Domain
from include.config.segment_words import segment_name, segment_words
from include.errors import DataError, ModelError
from include.features.training_matrices import load_catalogue, load_histories
from include.interactions.histories import Histories
from include.publish.champion import find_champion
from include.publish.consumed_pairs import consumed_relation
from include.recommender.model import Recommender
from include.serving.ask import SOURCE, Asked, Encode, find_fitting, next_turn, read_clauses, titles_of
from include.serving.by_model import Among, list_items, narrowed, rank_items, unrestricted
from include.serving.connection import open_reader, when_unlocked
from include.serving.session import order_by_model, order_by_neighbours, session_nearness
from include.settings import Settings
from include.texts.text_model import phrase_encoder

log = logging.getLogger(__name__)
MAX_ITEMS = 1000
# A session is short; what lies further back is in the user's history.
MAX_SESSION_ITEMS = 50
EVERYONE = "all"
_NEWEST = (
    "select publication_id, model_version, as_of from serving.publications"
    " order by publication_id desc limit 1"
)


@dataclass(frozen=True)
class Recommended:
    """rank: from 1, as answered; score: of the list it comes from, so it need not fall with the rank."""

    rank: int
    item_id: str
    score: float
    source: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """One list, of one publication.

    publication_id: the one that wrote the list; the newest for a fallback; None: nothing is published yet.
    generated_at: the as_of of that publication.
    fallback: None for the user's own list, also where that is empty since they have had everything; else the
    segment whose popular items stand in.
    asked: where words were asked: hand it back as `previous` with what is asked next.
    """

    user_id: str
    publication_id: str | None
    model_version: str | None
    generated_at: datetime | None
    fallback: str | None
    items: tuple[Recommended, ...]
    asked: Asked | None = None


class Reader:
    """Answers from one read-only connection; threads may share it and take turns."""

    def __init__(self, settings: Settings, domain: Domain, encode: Encode | None = None) -> None:
        """encode: texts -> vectors of length 1; else the domain's text model, loaded at the first ask."""
        self._domain = domain
        self._encode = encode or phrase_encoder(domain.text_model)
        self._lake = open_reader(settings)
        self._lock = threading.Lock()
        self._model: tuple[str, Recommender | None] | None = None
        self._unusable = ""
        self._titles: dict[str, int] = {}
        self._places: dict[str, int] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lake.close()

    def warm(self) -> None:
        """Load the published model and the text model, so that no answer waits for them."""
        with self._lock:
            if newest := when_unlocked(lambda: self._rows(_NEWEST)):
                when_unlocked(lambda: self._recommender(*newest[0][1:]))
        try:
            self._encode(["warm"])
        except ModelError as error:
            log.warning("requests in words cannot be answered: %s", error)

    def recommend(
        self,
        user_id: str,
        n: int = 10,
        session_items: Sequence[str] = (),
        *,
        ask: str | None = None,
        previous: Asked | None = None,
        among: Among | None = None,
    ) -> Answer:
        """The best n items for a user; fewer where the list holds no more.

        session_items: what the user touched in this session, newest last, whether ingested yet or not. They
        re-order the list and, unless the domain's `consumed` is allow, are left out of it. A user without a
        list gets the popular items of the segment that the user's attributes name, else everyone's, without
        what they have had, after the items most alike those of the session.
        ask: what is wanted, in words: the whole catalogue is then looked through, by the words and the user's
        taste together (include/serving/ask.py).  previous: Answer.asked of the answer that this one refines.
        among: which items may be answered, of the published model's catalogue; a list that holds too few of
        them is filled up from the whole catalogue by the model that made it.
        Raises DataError on an n out of range or an ask without words, ModelError on an ask, or among,
        where the published model cannot be loaded, and on an ask where it knows no texts.
        """
        if not 1 <= n <= MAX_ITEMS:
            raise DataError(f"n is {n}; expected 1 to {MAX_ITEMS}")
        session = [_storable(item) for item in session_items][-MAX_SESSION_ITEMS:]
        if ask is None and previous is not None:
            raise DataError("previous is given without ask; expected both, or neither for the plain list")
        asked = None if ask is None else next_turn(ask, previous)
        with self._lock:
            user = _storable(user_id)
            return when_unlocked(lambda: self._at_one_snapshot(user, n, session, asked, among))

    def rerank(self, user_id: str, item_ids: Sequence[str], session_items: Sequence[str] = ()) -> Answer:
        """The given items in the user's order, with the score and reason that each has for them.

        Items that the published model does not know come last, in the order given. What the user has had is
        ranked all the same: whoever names an item wants its place. session_items: as in `recommend`.
        Raises DataError on no item, too many or one given twice, ModelError without a usable model.
        """
        wanted = [_storable(item) for item in item_ids]
        if not 1 <= len(wanted) <= MAX_ITEMS or len(set(wanted)) < len(wanted):
            raise DataError(f"{len(wanted)} items to rank; expected 1 to {MAX_ITEMS}, none of them twice")
        session = [_storable(item) for item in session_items][-MAX_SESSION_ITEMS:]
        with self._lock:
            return when_unlocked(lambda: self._reranked(_storable(user_id), wanted, session))

    def _reranked(self, user_id: str, wanted: list[str], session: list[str]) -> Answer:
        self._lake.con.execute("begin")
        try:
            plain = self._answer(user_id, MAX_ITEMS, [], None)
            if plain.model_version is None or plain.generated_at is None:
                return plain
            model = self._usable(plain.model_version, plain.generated_at, "rerank")
            asked = unrestricted(model)
            history = self._history(user_id, asked, plain.generated_at)
            places = [place for item in wanted if (place := self._places.get(item)) is not None]
            rows: list[tuple[Any, ...]] = [*rank_items(asked, history, np.array(places, dtype=np.int64))]
            if session and rows:
                rows = self._in_session_order(
                    rows, session, plain.model_version, plain.generated_at, frozenset(), is_stranger=False
                )
            known = {row[0] for row in rows}
            lowest = min((row[1] for row in rows), default=0.0)
            rows += [(item, lowest, "unknown", "not known") for item in wanted if item not in known]
            ranked = tuple(Recommended(rank, *row) for rank, row in enumerate(rows, start=1))
            return replace(plain, items=ranked)
        finally:
            self._lake.con.execute("rollback")

    def _at_one_snapshot(
        self, user_id: str, n: int, session: list[str], asked: Asked | None, among: Among | None
    ) -> Answer:
        self._lake.con.execute("begin")
        try:
            if asked is None:
                return self._answer(user_id, n, session, among)
            plain = self._answer(user_id, n, [], None)
            return plain if plain.model_version is None else self._in_words(plain, n, session, asked, among)
        finally:
            self._lake.con.execute("rollback")

    def _answer(self, user_id: str, n: int, session: list[str], among: Among | None) -> Answer:
        # One statement answers a known user: each costs 5 to 10 ms, most of it in the lake's catalog.
        rows = self._rows(
            "select item_id, score, source, reason, publication_id, model_version, generated_at"
            " from serving.recommendations where user_id = ? order by rank",
            user_id,
        )
        fallback, had = None, frozenset[str]()
        if rows:
            publication_id, model_version, as_of = rows[0][4:]
        else:
            published = self._rows(_NEWEST)
            if not published:
                return Answer(user_id, None, None, None, EVERYONE, ())
            publication_id, model_version, as_of = published[0]
            fallback, rows = self._popular(user_id)
            # Who is known may have no list because they have had everything.
            had = self._consumed(user_id, as_of)
            rows = [row for row in rows if row[0] not in had]
        if among is not None:
            rows = self._filled_up(rows, user_id, n + len(session), among, model_version, as_of)
        if session:
            is_stranger = fallback is not None
            rows = self._in_session_order(rows, session, model_version, as_of, had, is_stranger=is_stranger)
        if not rows and had:
            fallback = None
        items = tuple(Recommended(rank, *row[:4]) for rank, row in enumerate(rows[:n], start=1))
        return Answer(user_id, publication_id, model_version, as_of, fallback, items)

    def _filled_up(
        self,
        rows: list[tuple[Any, ...]],
        user_id: str,
        n: int,
        among: Among,
        model_version: str,
        as_of: datetime,
    ) -> list[tuple[Any, ...]]:
        """What may be answered of a list; where that is short of n, what the model ranks next."""
        model = narrowed(self._usable(model_version, as_of, "filters"), among)
        is_open = model.catalogue.is_available
        kept = [row for row in rows if (at := self._places.get(row[0])) is not None and is_open[at]]
        if len(kept) >= n:
            return kept
        listed = {row[0] for row in kept}
        more = list_items(model, self._history(user_id, model, as_of), min(n + len(kept), MAX_ITEMS))
        return kept + [row for row in more if row[0] not in listed]

    def _history(self, user_id: str, model: Recommender, as_of: datetime) -> Histories:
        return load_histories(self._lake.con, self._domain, np.array([user_id]), model, as_of)

    def _usable(self, model_version: str, as_of: datetime, what: str) -> Recommender:
        model = self._recommender(model_version, as_of)
        if model is None:
            raise ModelError(f"{what}: the published model cannot be used: {self._unusable}")
        return model

    def _in_words(
        self, answer: Answer, n: int, session: list[str], asked: Asked, among: Among | None
    ) -> Answer:
        """The answer to a request in words, of the publication that wrote the user's list."""
        assert answer.model_version is not None and answer.generated_at is not None
        model = narrowed(self._usable(answer.model_version, answer.generated_at, "ask"), among)
        history = self._history(answer.user_id, model, answer.generated_at)
        refresh, nearness = self._domain.refresh, None
        if session:
            near = session_nearness(self._neighbours(session), session, refresh.session_half_life_minutes)
            nearness = np.array([near.get(item, 0.0) for item in model.catalogue.item_ids.tolist()])
        found = find_fitting(
            model,
            history,
            read_clauses(asked, self._titles),
            self._encode,
            # Those of the session go, unless the domain lists things again.
            n + len(session),
            nearness,
            refresh.session_strength,
        )
        left_out = frozenset() if self._domain.consumed.mode == "allow" else frozenset(session)
        ids = model.catalogue.item_ids[found.items].tolist()
        rows = [
            row
            for row in zip(ids, found.score.tolist(), found.reasons, strict=True)
            if row[0] not in left_out
        ]
        items = tuple(
            Recommended(rank, item, score, SOURCE, reason)
            for rank, (item, score, reason) in enumerate(rows[:n], start=1)
        )
        return replace(answer, items=items, asked=asked)

    def _popular(self, user_id: str) -> tuple[str, list[tuple[Any, ...]]]:
        for segment in (self._segment(user_id), EVERYONE):
            rows = self._rows(
                "select item_id, score from serving.popular_items where segment = ? order by rank", segment
            )
            if rows:
                words = segment_words(self._domain.segment_words, str(segment))
                reason = "popular" if segment == EVERYONE else f"popular with {words}"
                return str(segment), [(item, score, "popular", reason) for item, score in rows]
        return EVERYONE, []

    def _consumed(self, user_id: str, as_of: datetime) -> frozenset[str]:
        """What no list of the user may hold."""
        relation = consumed_relation(self._domain, "features.user_items", as_of)
        rows = self._rows(f"select item_id from {relation} where user_id = ?", user_id)
        return frozenset(item for (item,) in rows)

    def _segment(self, user_id: str) -> str | None:
        """attribute=value of a known user, where the domain has segments."""
        attribute = self._domain.segment_by
        if attribute is None:
            return None
        rows = self._rows("select attributes from raw.users where user_id = ?", user_id)
        try:
            value = json.loads(rows[0][0])[attribute] if rows else None
        except (TypeError, ValueError, KeyError):
            return None
        return None if value is None else segment_name(attribute, value)

    def _in_session_order(
        self,
        rows: list[tuple[Any, ...]],
        session: list[str],
        model_version: str,
        as_of: datetime,
        had: frozenset[str],
        *,
        is_stranger: bool,
    ) -> list[tuple[Any, ...]]:
        if self._domain.consumed.mode != "allow":
            rows = [row for row in rows if row[0] not in session]
        settings = self._domain.refresh
        half_life = settings.session_half_life_minutes
        model = None if is_stranger else self._recommender(model_version, as_of)
        items, score = [row[0] for row in rows], np.array([row[1] for row in rows], dtype=np.float64)
        if model is not None:
            order = order_by_model(
                model, items, score, session, half_life_minutes=half_life, strength=settings.session_strength
            )
            return [rows[place] for place in order]
        nearness = session_nearness(self._neighbours(session), session, half_life)
        if is_stranger:
            return self._near_first(rows, nearness, had.union(session))
        order = order_by_neighbours(nearness, items, score, strength=settings.session_strength)
        return [rows[place] for place in order]

    def _near_first(
        self, rows: list[tuple[Any, ...]], nearness: dict[str, float], left_out: frozenset[str]
    ) -> list[tuple[Any, ...]]:
        """The session is all that is known of a stranger: what is alike comes first, then what is popular."""
        near = sorted(
            (item for item in nearness if item not in left_out), key=lambda item: (-nearness[item], item)
        )
        alike = [(item, nearness[item], "similar", "like what you look at") for item in near]
        return alike + [row for row in rows if row[0] not in nearness]

    def _neighbours(self, session: list[str]) -> list[tuple[str, str, float]]:
        # The newest publication's: an item that ended is in none of its rows.
        return self._rows(
            "select item_id, similar_item_id, score from serving.similar_items"
            " where item_id in (select unnest(?::varchar[]))",
            session,
        )

    def _recommender(self, model_version: str, as_of: datetime) -> Recommender | None:
        """The champion, loaded once a version; None where its file cannot be used."""
        if self._model is None or self._model[0] != model_version:
            champion = find_champion(self._lake)
            model, self._unusable = None, "it has no file; a nightly makes another"
            try:
                if champion is not None:
                    catalogue = load_catalogue(self._lake.con, self._domain, as_of)
                    model = champion.load().with_catalogue(catalogue)
            except ModelError as error:
                self._unusable = str(error)
                log.warning("sessions are ordered by similar items alone: %s", error)
            self._model = (model_version, model)
            self._titles = titles_of(model) if model is not None else {}
            ids = [] if model is None else model.catalogue.item_ids.tolist()
            self._places = {item: place for place, item in enumerate(ids)}
        return self._model[1]

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._lake.rows(sql, parameters)


def _storable(text: object) -> str:
    """As the lake can be asked for it: half a surrogate pair is in no stored id, and stays unlike any."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")
