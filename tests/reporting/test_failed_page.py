"""The page of a night that failed tells what stopped it, where its owner looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.config.domain import load_domain
from include.errors import DataError, GateError
from include.lake.lake import open_lake
from include.nightly import publishing, stages
from include.run import Run
from include.settings import load_settings
from tests.support.nightly import land, publish_nightly
from tests.support.taste import tasteful_rows

DOMAIN = """\
domain: tastes
events:
  types:
    purchase: {weight: 1}
text: "{title}"
list_size: 8
tuning: {search: "off"}
quality: {max_quarantined_share: 0.1}
"""


@pytest.fixture
def first(tmp_path: Path) -> Run:
    config = tmp_path / "tastes.yaml"
    config.write_text(DOMAIN)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    return Run("first", settings, load_domain(config))


def latest(run: Run) -> str:
    return (run.settings.reports / "latest.html").read_text()


def test_a_refused_night_names_check_file_reasons_and_a_row(first: Run) -> None:
    for kind, rows in tasteful_rows().items():
        land(first.settings, kind, f"{kind}.jsonl", rows)
    publish_nightly(first.settings, first.domain, "good")
    german = [
        {"user_id": "u1", "item_id": "<b>i1</b>", "event_type": "purchase", "event_at": f"{day}.12.2026"}
        for day in range(1, 30)
        for _ in range(10)
    ]
    land(first.settings, "events", "german.jsonl", german)
    stages.ingest(first, None, None)
    with pytest.raises(GateError) as error:
        stages.gate_input(first)
    publishing.report_failure(first, "ingest.gate_input", str(error.value))
    page = latest(first)
    assert "290 for bad_event_at, as " in str(error.value) and "events/german.jsonl" in page
    assert "Stage ingest.gate_input stopped the run" in page and "few enough rows were quarantined" in page
    assert '<td>bad_event_at</td><td class="n">290</td><td>events/german.jsonl</td>' in page
    assert "1.12.2026" in page and "<b>i1</b>" not in page and "&lt;b&gt;i1&lt;/b&gt;" in page
    with open_lake(first.settings, read_only=True) as lake:
        live = lake.value("select publication_id from serving.publications")
        assert lake.value("select count(*) from ops.stages where run_id = 'first' and stage = 'ingest'") == 1
    assert f"Readers still get {live}" in page


def test_a_first_night_without_events_says_that_nothing_is_live(first: Run) -> None:
    with pytest.raises(DataError) as error:
        stages.ingest(first, None, None)
    publishing.report_failure(first, "ingest.ingest", str(error.value))
    assert "Nothing is live yet" in latest(first) and "raw.events is empty" in latest(first)


def test_a_night_that_fails_after_its_publish_does_not_say_that_nothing_was_published(first: Run) -> None:
    for kind, rows in tasteful_rows().items():
        land(first.settings, kind, f"{kind}.jsonl", rows)
    publish_nightly(first.settings, first.domain, "first")
    publishing.report_failure(first, "marts.build", "a dbt test failed")
    with open_lake(first.settings, read_only=True) as lake:
        live = lake.value("select publication_id from serving.publications")
    page = latest(first)
    assert f"{live} had been made before" in page and f"Readers get {live}" in page
    assert "Nothing was published" not in page
