"""Health of the lists in a whole small nightly: what is kept of it, what is shown, what may stop it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.config.domain import load_domain
from include.errors import GateError
from include.lake.lake import open_lake
from include.nightly import stages
from include.reporting.report_page import render_page
from include.run import Run
from include.settings import load_settings
from tests.support.generated import land_generated
from tests.support.run_stage import run_stage

CONFIG = """\
domain: generated
events:
  types:
    rating: {weight: value}
text: "{title}"
list_size: 8
segment_by: group
tuning: {search: "off"}
ranking: {method: blend}
diversity: {reach: 0.5, max_per_category: 3}
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("health")
    config = folder / "generated.yaml"
    config.write_text(CONFIG)
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    land_generated(settings.landing, users=160)
    run = Run("first", settings, load_domain(config))
    for stage in ("ingest", "build_features", "embed_texts", "evaluate", "train", "rank_candidates"):
        run_stage(run, stage)
    stages.audit(run)
    run_stage(run, "publish")
    return run


def test_every_list_segment_and_active_rule_is_measured(published: Run) -> None:
    with open_lake(published.settings, read_only=True) as lake:
        found = {
            (subject, metric): (value, users)
            for subject, metric, value, users in lake.rows(
                "select subject, metric, value, users from ops.evaluations where k = 10"
            )
        }
        shown = lake.value(
            'select count(distinct item_id) / 80 from serving.recommendations where "rank" <= 10'
        )
    # 160 users with events and one without.
    assert found["published", "coverage"] == (pytest.approx(shown), 161)
    assert found["published", "coverage_vs_popularity"][0] > 1
    rules = {subject for subject, metric in found if metric == "ndcg_cost"}
    assert rules == {"without reach", "without category cap", "without consumed"}
    segments = [users for (subject, _), (_, users) in found.items() if subject.startswith("segment group=")]
    judged = found["pipeline", "ndcg"][1]
    assert all(30 <= users <= judged for users in segments)


def test_the_page_shows_breadth_and_costs_apart_from_the_sources(published: Run) -> None:
    with open_lake(published.settings, read_only=True) as lake:
        name = lake.value("select max(publication_id) from serving.publications")
        page = render_page(lake, published.domain, "first", name)
    assert "How broad the lists are" in page and "What each rule costs" in page
    # The bars compare lists; a rule taken away is no list that anybody gets.
    assert "without reach" not in page and "<td>reach</td>" in page
    # One of the eighty items has no row of its own, so no text and no place.
    assert page.count("<circle cx=") == 79 and "Map of items by their texts: All 79 items" in page
    assert "Some people, in words" in page and page.count("<dt>") == 3


def test_a_limit_of_the_published_set_stops_the_audit(published: Run) -> None:
    gate = replace(published.domain.gate, bounds={"published_coverage@10": (0.999, None)})
    limited = replace(published, domain=replace(published.domain, gate=gate))
    with pytest.raises(GateError, match="published_coverage@10: found 0"):
        stages.audit(limited)
    with open_lake(published.settings, read_only=True) as lake:
        failed = lake.rows("select expectation from ops.quality_results where not is_success")
    assert ("published_coverage@10",) in failed
