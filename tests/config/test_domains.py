"""The domain files that are shipped: what they say of rows as they come."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from include.config.consumed import Consumed
from include.config.domain import Domain, load_domain
from include.errors import ConfigError, DataError
from include.ingest.ingest import ingest_pending
from include.lake.lake import open_lake
from include.recommender.model_config import model_config
from include.settings import DOMAINS, load_settings

LINES = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING  HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123A,WHITE HANGING  HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123a,WHITE HANGING HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536366,22633,HAND WARMER,6,2010-12-01 08:28:00,1.85,,United Kingdom
C536379,22633,HAND WARMER,-1,2010-12-01 09:41:00,1.85,14527.0,France
536380,POST,POSTAGE,1,2010-12-01 09:41:00,18.0,14527.0,France
536381,22139,damaged,1,2010-12-02 09:41:00,0.0,14527.0,France
536382,22633,,-10,2010-12-02 09:41:00,1.85,14527.0,France
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("NIGHTJAR_SHOP_DATA", str(folder))
    return folder


def test_shop_lines_go_where_their_rule_sends_them(shop: Path, tmp_path: Path) -> None:
    (shop / "2010-12-01.csv").write_text(LINES)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": "shop"})
    domain = load_domain(settings.config)
    with open_lake(settings) as lake:
        report = ingest_pending(lake, domain, settings, run_id="r", ingested_at=datetime(2024, 6, 1))
        figures = {k.kind: (k.rows_in, k.accepted, k.quarantined, k.deduplicated) for k in report.kinds}
        nothing = {"relations": (0, 0, 0, 0)}
        assert figures == {"events": (8, 3, 4, 1), "items": (8, 2, 3, 3), "users": (8, 2, 1, 5), **nothing}
        assert lake.rows(
            "select position, reason from raw.quarantine where source like 'events/%' order by position"
        ) == [(4, "no_customer"), (6, "not_a_product"), (7, "price_not_positive"), (8, "negative_quantity")]
        assert lake.rows(
            "select user_id, item_id, event_type, session_id, value from raw.events order by event_at"
        ) == [
            ("17850", "85123A", "purchase", "536365", 6.0),
            ("17850", "85123A", "purchase", "536365", 6.0),
            ("14527", "22633", "return", "C536379", -1.0),
        ]
        assert lake.rows("select item_id, title from raw.items order by item_id") == [
            ("22633", "HAND WARMER"),
            ("85123A", "WHITE HANGING HEART HOLDER"),
        ]
        assert lake.rows("select user_id, attributes from raw.users order by user_id") == [
            ("14527", '{"country":"France"}'),
            ("17850", '{"country":"United Kingdom"}'),
        ]


def test_shop_without_its_folder_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTJAR_SHOP_DATA", raising=False)
    with pytest.raises(ConfigError, match=r"sources.events.path.*NIGHTJAR_SHOP_DATA"):
        load_domain(DOMAINS / "shop.yaml")


def test_shop_folder_that_is_not_there_is_no_empty_day(shop: Path, tmp_path: Path) -> None:
    shop.rmdir()
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": "shop"})
    with open_lake(settings) as lake, pytest.raises(ConfigError, match="sources.items.path"):
        ingest_pending(
            lake, load_domain(settings.config), settings, run_id="r", ingested_at=datetime(2024, 6, 1)
        )


def test_movies_reads_the_contract_as_it_is() -> None:
    domain = load_domain(DOMAINS / "movies.yaml")
    assert domain.events.types["rating"].weight is None
    assert domain.consumed.mode == "exclude"
    assert all(source.path is None and not source.columns for source in domain.sources.values())


def mapped(tmp_path: Path, expression: str) -> Path:
    path = tmp_path / "mapped.yaml"
    path.write_text(
        "domain: mapped\nevents:\n  types:\n    view: {weight: 1}\nsources:\n  events:\n    columns:\n"
        f"      user_id: {{sql: {expression!r}}}\n      item_id: b\n      event_type: {{sql: \"'view'\"}}\n"
        "      event_at: d\n"
    )
    return path


@pytest.mark.parametrize(
    ("expression", "error", "match"),
    [
        ("upper(a", ConfigError, "sources.events.columns.user_id"),
        ("(select max(x) from y)", ConfigError, "without a query"),
        ("cast(a as integer)", DataError, "try_cast"),
        ("no_such_function(a)", DataError, "no_such_function"),
    ],
)
def test_mapping_that_fails_is_named_and_takes_nothing_in(
    tmp_path: Path, expression: str, error: type[Exception], match: str
) -> None:
    settings = load_settings(
        {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(mapped(tmp_path, expression))}
    )
    settings.make_folders()
    (settings.landing / "events" / "a.csv").write_text("a,b,d\nx,y,2024-05-01\n")
    with open_lake(settings) as lake:
        with pytest.raises(error, match=match):
            ingest_pending(
                lake, load_domain(settings.config), settings, run_id="r", ingested_at=datetime(2024, 6, 1)
            )
        assert lake.value("select count(*) from ops.ingests") == 0


def domain_with(tmp_path: Path, lines: str) -> Domain:
    path = tmp_path / "made.yaml"
    path.write_text(f"domain: made\nevents: {{types: {{view: {{weight: 1}}}}}}\n{lines}\n")
    return load_domain(path)


@pytest.mark.parametrize(
    "line", ["list_size:", "clock: null", "consumed:", "evaluation: {max_users: }", "text: null"]
)
def test_a_key_without_a_value_is_no_default(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"made\.yaml has no value; expected"):
        domain_with(tmp_path, line)


def test_an_event_types_keys_want_values_too(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    for events in ("{types: {view: {weight: }}}", "{types: {view: {weight: 1}}, earliest: }"):
        path.write_text(f"domain: made\nevents: {events}\n")
        with pytest.raises(ConfigError, match=r"made\.yaml has no value; expected"):
            load_domain(path)


@pytest.mark.parametrize(
    ("line", "consumed"),
    [
        ("", Consumed()),
        ("consumed: allow", Consumed("allow")),
        ("consumed: {after: 30d}", Consumed("after", 30.0)),
        ('consumed: "after: 30d"', Consumed("after", 30.0)),
    ],
)
def test_consumed_reaches_domain_and_model_alike(tmp_path: Path, line: str, consumed: Consumed) -> None:
    domain = domain_with(tmp_path, line)
    assert domain.consumed == model_config(domain).consumed == consumed


def test_consumed_is_one_of_three(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config key 'consumed' in made.yaml is 'sometimes'"):
        domain_with(tmp_path, "consumed: sometimes")
