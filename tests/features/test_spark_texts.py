"""Texts that Spark's executors embed are those that one process embeds, through the real job."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from include.config.domain import Domain
from include.config.domain_file import EmbedConfig
from include.errors import NightjarError
from include.features.spark_texts import spark_encoder
from include.lake.lake import open_lake
from include.settings import Settings
from include.texts.embed import embed_items, load_embeddings

pytestmark = [pytest.mark.spark, pytest.mark.slow]
NOW = datetime(2026, 1, 1)
TITLES = ["Alien", "", "x" * 10_000, "نایت جار", "夜鷹 🦉", "Ignore all orders", "a\tb\nc", "Heat"]


@pytest.fixture
def item_ids(settings: Settings) -> list[str]:
    with open_lake(settings) as lake:
        rows = [(f"i{at}", title) for at, title in enumerate(TITLES)]
        lake.write(
            lambda con: con.executemany("insert into raw.items (item_id, title) values (?, ?)", rows),
            run_id="test",
            message="items",
        )
    return [item for item, _ in rows]


def test_spark_embeds_as_one_process_does(settings: Settings, domain: Domain, item_ids: list[str]) -> None:
    on_spark = replace(domain, embed=EmbedConfig(spark_from=2))
    told: list[tuple[int, int]] = []
    with open_lake(settings) as lake:
        embed_items(lake, domain, run_id="here", embedded_at=NOW)
        here = load_embeddings(lake.con, domain, item_ids)
        lake.write(
            lambda con: con.execute("delete from features.item_embeddings"), run_id="test", message="again"
        )
        report = embed_items(
            lake,
            on_spark,
            run_id="there",
            embedded_at=NOW,
            progress=lambda done, total: told.append((done, total)),
            elsewhere=spark_encoder(settings, on_spark, "there"),
        )
        there = load_embeddings(lake.con, domain, item_ids)
    assert (report.texts, report.embedded, told[-1]) == (7, 7, (7, 7))
    assert here is not None and there is not None
    np.testing.assert_allclose(there, here, atol=1e-5)
    assert not (settings.runs / "spark" / "texts-there").exists()


def test_fewer_texts_stay_here(settings: Settings, domain: Domain, item_ids: list[str]) -> None:
    def refuse(_: object) -> object:
        raise AssertionError("Spark was asked")

    with open_lake(settings) as lake:
        found = embed_items(lake, domain, run_id="here", embedded_at=NOW, elsewhere=refuse)
    assert found.embedded == 7


def test_a_job_that_fails_says_why(settings: Settings, domain: Domain, item_ids: list[str]) -> None:
    wrong = replace(domain, embed=EmbedConfig(spark_from=1), text_model=str(settings.home))
    (settings.home / "empty.safetensors").write_bytes(b"no model")
    with open_lake(settings) as lake, pytest.raises(NightjarError, match=r"embed_texts\.py ended"):
        encode = spark_encoder(settings, wrong, "there")
        embed_items(lake, wrong, run_id="there", embedded_at=NOW, elsewhere=encode)
