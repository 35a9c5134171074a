"""The cache of embeddings, on a lake, with the real text model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from include.config.domain import Domain
from include.errors import ModelError
from include.lake.lake import Lake, open_lake
from include.settings import Settings
from include.texts import embed
from include.texts.embed import EmbedReport, embed_items, load_embeddings
from include.texts.text_model import find_text_model

NOW = datetime(2026, 1, 1)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


def put(lake: Lake, *items: tuple[str, str | None, str | None]) -> None:
    """Set raw.items to rows (item_id, title, tags)."""

    def work(con) -> None:
        con.execute("delete from raw.items")
        con.executemany("insert into raw.items (item_id, title, tags) values (?, ?, ?)", items)

    lake.write(work, run_id="test", message="items")


def counts(report: EmbedReport) -> tuple[int, int, int, int]:
    return report.items, report.texts, report.embedded, report.cached


def run(lake: Lake, domain: Domain, **options) -> tuple[int, int, int, int]:
    return counts(embed_items(lake, domain, run_id="test", embedded_at=NOW, **options))


def stored(lake: Lake) -> list[tuple[str, str, int]]:
    return lake.rows(
        "select model, text_hash, count(*) from features.item_embeddings group by all order by all"
    )


def test_unchanged_text_is_never_embedded_twice_and_changed_text_is(lake: Lake, domain: Domain):
    put(lake, ("a", "Alien", "Horror"), ("b", "Alien", "Horror"), ("c", "Heat", None), ("d", "", None))
    assert run(lake, domain) == (4, 2, 2, 0)  # a and b are one text, d is none
    assert run(lake, domain) == (4, 2, 0, 2)
    put(lake, ("a", "Alien", "Horror"), ("b", "Aliens", "Horror"), ("c", "Heat", None))
    assert run(lake, domain) == (3, 3, 1, 2)
    put(lake, ("z", "Heat", None))  # another item with a text that is known
    assert run(lake, domain) == (1, 1, 0, 1)
    assert len(stored(lake)) == 3 and all(n == 1 for _, _, n in stored(lake))


def test_the_model_is_not_loaded_when_no_text_is_new(lake: Lake, domain: Domain, monkeypatch):
    put(lake, ("a", "Alien", None))
    run(lake, domain)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(embed, "load_text_model", refuse)
    assert run(lake, domain) == (1, 1, 0, 1)
    put(lake, ("a", "Aliens", None))
    with pytest.raises(AssertionError, match="was loaded"):
        run(lake, domain)


def test_a_killed_run_keeps_the_chunks_that_it_committed(lake: Lake, domain: Domain, monkeypatch):
    monkeypatch.setattr(embed, "CHUNK_TEXTS", 2)
    put(lake, *[(f"i{k}", f"Film {k}", None) for k in range(5)])

    def stop(done: int, total: int) -> None:
        assert total == 5
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lake, domain, progress=stop)
    assert len(stored(lake)) == 4
    assert run(lake, domain) == (5, 5, 1, 4)


def test_two_runs_at_once_store_a_text_once(lake: Lake, domain: Domain, settings: Settings, monkeypatch):
    """Both find every text missing before either commits; what counts is the check inside the commit."""
    put(lake, *[(f"i{k}", f"Film {k}", None) for k in range(6)])
    both_have_looked = threading.Barrier(2, timeout=120)
    load = embed.load_text_model

    def load_together(name: str):
        model = load(name)
        both_have_looked.wait()
        return model

    monkeypatch.setattr(embed, "load_text_model", load_together)
    embedded = []

    def run_beside() -> None:
        with open_lake(settings) as other:
            embedded.append(run(other, domain)[2])

    beside = threading.Thread(target=run_beside)
    beside.start()
    embedded.append(run(lake, domain)[2])
    beside.join()
    assert sum(embedded) == 6
    assert [n for _, _, n in stored(lake)] == [1] * 6


def test_embeddings_come_in_the_order_asked_for_and_say_what_is_alike(lake: Lake, domain: Domain):
    put(
        lake, ("a", "A spaceship is attacked", None), ("b", "Baking bread", None), ("c", "War in space", None)
    )
    run(lake, domain)
    vectors = load_embeddings(lake.con, domain, np.array(["c", "unknown", "a", "b", "c"]))
    assert vectors is not None and vectors.dtype == np.float32 and vectors.shape == (5, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 1, 1, 1], abs=1e-5)
    assert (vectors[0] == vectors[4]).all()
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.2


def test_a_changed_text_has_no_embedding_until_it_is_embedded(lake: Lake, domain: Domain):
    put(lake, ("a", "Alien", None), ("b", "Heat", None))
    run(lake, domain)
    put(lake, ("a", "Aliens", None), ("b", "Heat", None))
    vectors = load_embeddings(lake.con, domain, ["a", "b"])
    assert vectors is not None and not vectors[0].any() and vectors[1].any()


def test_no_items_are_fine(lake: Lake, domain: Domain):
    assert run(lake, domain) == (0, 0, 0, 0)
    assert load_embeddings(lake.con, domain, []) is None
    assert load_embeddings(lake.con, domain, ["a"]) is None


def test_only_the_items_of_a_relation_are_looked_at(lake: Lake, domain: Domain):
    put(lake, ("a", "Alien", None), ("b", "Heat", None))
    lake.con.execute("create temp table taken_in as select * from raw.items where item_id = 'b'")
    assert run(lake, domain, items="taken_in") == (1, 1, 1, 0)


def test_damaged_embeddings_are_refused(lake: Lake, domain: Domain):
    put(lake, ("a", "Alien", None), ("b", "Heat", None))
    run(lake, domain)
    key = find_text_model(domain.text_model).key
    damage = "update features.item_embeddings set embedding = ['nan'::float] where text_hash ="
    damage += " (select max(text_hash) from features.item_embeddings)"
    lake.write(lambda con: con.execute(damage), run_id="test", message="damage")
    with pytest.raises(ModelError, match=key):
        load_embeddings(lake.con, domain, ["a", "b"])


def test_a_folder_is_a_model_with_a_key_of_its_own(lake: Lake, domain: Domain):
    """The same weights from a folder give the same vectors under another key."""
    put(lake, ("a", "Alien", None))
    run(lake, domain)
    packaged = load_embeddings(lake.con, domain, ["a"])
    local = replace(domain, text_model=find_text_model(domain.text_model).location)
    assert load_embeddings(lake.con, local, ["a"]) is None
    assert run(lake, local) == (1, 1, 1, 0)
    assert load_embeddings(lake.con, local, ["a"]) == pytest.approx(packaged, abs=1e-6)
    assert len({model for model, _, _ in stored(lake)}) == 2
