"""The evaluation gate inside a nightly: a worse challenger stops the run, and the champion's lists stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from include.config.domain import load_domain
from include.errors import GateError
from include.lake.lake import open_lake
from include.nightly import stages
from include.run import Run
from include.settings import load_settings
from tests.support.generated import land_generated
from tests.support.run_stage import STAGES, run_stage

GOOD = """\
domain: generated
events:
  types:
    rating: {weight: value}
text: "{title}"
list_size: 8
tuning: {search: "off"}
ranking: {method: blend}
"""
# Nothing but what is popular, the same for everyone.
SABOTAGED = GOOD + "retrieval: {sources: [trending]}\n"


@pytest.fixture
def champion(tmp_path: Path) -> Run:
    """A published nightly."""
    config = tmp_path / "generated.yaml"
    config.write_text(GOOD)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    land_generated(settings.landing)
    run = Run("champion", settings, load_domain(config))
    for stage in STAGES:
        if stage not in ("gate_input", "audit", "report"):
            run_stage(run, stage)
    return run


def nightly_until_train(run: Run) -> None:
    for stage in ("ingest", "build_features", "embed_texts"):
        run_stage(run, stage)
    stages.evaluate(run)


def test_a_worse_challenger_is_refused_with_its_figures(champion: Run, tmp_path: Path) -> None:
    config = tmp_path / "sabotaged.yaml"
    config.write_text(SABOTAGED)
    challenger = Run("challenger", champion.settings, load_domain(config))
    with open_lake(champion.settings, read_only=True) as lake:
        before = lake.rows("select * from serving.recommendations order by user_id, rank")
    with pytest.raises(GateError, match=r"challenger refused, the champion stays: .*ndcg@10 -0\.\d+"):
        nightly_until_train(challenger)
    with open_lake(champion.settings, read_only=True) as lake:
        assert lake.rows("select * from serving.recommendations order by user_id, rank") == before
        assert lake.value("select count(*) from serving.publications") == 1
        subjects = {
            row[0]
            for row in lake.rows("select distinct subject from ops.evaluations where run_id = 'challenger'")
        }
    assert {"pipeline", "champion"} <= subjects


def test_the_same_recipe_again_is_not_compared_and_passes(champion: Run) -> None:
    again = replace(champion, run_id="again")
    nightly_until_train(again)
    judged = again.recorded("evaluate")
    assert judged["refusals"] == []
    assert judged["notes"] == ["the recipe is the champion's: nothing to compare by"]
    assert "champion" not in {row[0] for row in judged["evaluations"]}


def test_a_limit_of_the_domain_file_refuses(champion: Run, tmp_path: Path) -> None:
    config = tmp_path / "limited.yaml"
    config.write_text(GOOD + "limits: {coverage@10: {least: 0.999}}\n")
    with pytest.raises(GateError, match="coverage@10 is 0"):
        nightly_until_train(Run("limited", champion.settings, load_domain(config)))
