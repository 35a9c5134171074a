"""What an evaluation makes of proposals: better settings are taken, others never stop the night."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from include.config.domain import load_domain
from include.evaluation.split import time_split
from include.lake.lake import Lake, open_lake
from include.nightly.contest import instant_of
from include.nightly.judge import champion_settings, evaluate_model, judged_model
from include.nightly.stage_records import Judged
from include.recommender.model import Recommender
from include.recommender.model_config import model_config
from include.recommender.storage import load_recommender
from include.retrieval.als import AlsParams
from include.retrieval.popular import PopularParams
from include.run import Run
from include.settings import SEED, Settings, load_settings
from include.tuning.fit import fit_recommender
from include.tuning.proposals import Decision, Proposal, close_proposals, config_hash, open_proposals
from tests.support.taste import tasteful_training

DOMAIN = """\
domain: tastes
events:
  types:
    purchase: {weight: 1}
text: "{title}"
list_size: 8
retrieval: {sources: [als]}
tuning: {search: "off"}
ranking: {method: blend}
"""
POPULAR = {"popular": asdict(PopularParams())}
GOOD = {"als": asdict(AlsParams(factors=8))} | POPULAR
BAD = {"als": asdict(AlsParams(factors=1))} | POPULAR  # one factor cannot tell four tastes apart
EARLY = datetime(2025, 1, 15)


@cache
def training():
    return tasteful_training()


@pytest.fixture
def night(tmp_path: Path) -> Run:
    config = tmp_path / "tastes.yaml"
    config.write_text(DOMAIN)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)})
    return Run("night", settings, load_domain(config))


def proposed(run: Run, name: str, settings: dict[str, Any], **changed: Any) -> Proposal:
    """Fit for the run's domain file."""
    return replace(Proposal(name, config_hash(model_config(run.domain)), EARLY, settings), **changed)


def evaluate(run: Run, factors: int, *proposals: Proposal) -> tuple[Judged, dict[str, Any]]:
    """(what is recorded, the settings of the model that goes on); factors: of the champion's ALS."""
    judged = evaluate_model(run, training(), champion_of(run, factors), proposals)
    return judged, champion_settings(load_recommender(judged_model(run)))


def champion_of(run: Run, factors: int) -> Recommender:
    config = model_config(run.domain)
    params = {"als": AlsParams(factors=factors), "popular": PopularParams()}
    return fit_recommender(training(), config, SEED, params=params)


def figure(judged: Judged, subject: str) -> float:
    (value,) = (
        row.value for row in judged.evaluations if (row.subject, row.metric, row.k) == (subject, "ndcg", 10)
    )
    return value


def test_a_better_proposal_is_taken_and_judged_the_same_again(night: Run) -> None:
    judged, settings = evaluate(night, 1, proposed(night, "p1", GOOD))
    assert settings == GOOD and judged.refusals == ()
    (decision,) = judged.proposals
    assert decision.status == "taken" and decision.low > 0.2
    assert figure(judged, "pipeline") - figure(judged, "champion") == pytest.approx(decision.difference)
    assert decision.note == (
        f"ndcg@10 {decision.difference:+.4f} [{decision.low:+.4f}, {decision.high:+.4f}]"
        " against the champion's settings"
    )
    assert judged.notes[1] == f"proposal p1 taken: {decision.note}"
    assert evaluate(night, 1, proposed(night, "p1", GOOD)) == (judged, settings)


def test_a_worse_proposal_is_refused_and_the_night_goes_on_as_without(night: Run) -> None:
    without, settings = evaluate(night, 8)
    judged, same_settings = evaluate(night, 8, proposed(night, "p1", BAD))
    assert settings == same_settings == GOOD and judged.refusals == ()
    (decision,) = judged.proposals
    assert decision.status == "refused" and decision.high < -0.2
    assert decision.note.startswith(f"worse: ndcg@10 {decision.difference:+.4f}")
    assert judged.notes == (
        "the recipe is the champion's: nothing to compare by",
        f"proposal p1 refused: {decision.note}",
    )
    rows = tuple(row for row in judged.evaluations if row.subject != "proposal")
    assert rows == without.evaluations
    assert figure(judged, "proposal") - figure(judged, "pipeline") == pytest.approx(decision.difference)


def test_the_same_settings_are_no_reason_to_change(night: Run) -> None:
    judged, _ = evaluate(night, 8, proposed(night, "p1", GOOD))
    (decision,) = judged.proposals
    assert (decision.status, decision.difference) == ("refused", 0.0)
    assert decision.note.startswith("not better: ")


def test_only_the_newest_that_fits_is_judged(night: Run) -> None:
    judged, settings = evaluate(
        night,
        1,
        proposed(night, "other", GOOD, model_config="of another file"),
        proposed(night, "foreign", {"als": {"magic": 3}}),
        proposed(night, "unknown", {"astrology": {}}),
        proposed(night, "newest", GOOD),
        proposed(night, "older", BAD),
    )
    assert settings == GOOD
    found = {one.proposal_id: (one.status, one.note) for one in judged.proposals}
    assert found.pop("newest")[0] == "taken"
    assert found == {
        "other": ("outdated", "made for another domain file"),
        "foreign": ("outdated", "this version has other settings"),
        "unknown": ("outdated", "this version has other settings"),
        "older": ("outdated", "newest is newer"),
    }


def test_a_search_that_saw_the_events_that_judge_is_not_judged(night: Run) -> None:
    """It may have seen what lies before the cutoff, to the last microsecond, and nothing more."""
    config = model_config(night.domain)
    share = night.domain.evaluation.holdout_share
    cutoff = instant_of(time_split(training(), share, config.consumed).cutoff)
    late = proposed(night, "p1", GOOD, searched_until=cutoff + timedelta(microseconds=1))
    judged, settings = evaluate(night, 1, late)
    assert (judged.proposals, settings) == ((), BAD)
    judged, settings = evaluate(night, 1, replace(late, searched_until=cutoff))
    assert (judged.proposals[0].status, settings) == ("taken", GOOD)


def test_one_that_cannot_be_fitted_is_refused(night: Run) -> None:
    broken = {"als": asdict(AlsParams()) | {"alpha": 1e300}} | POPULAR
    judged, settings = evaluate(night, 8, proposed(night, "p1", broken))
    (decision,) = judged.proposals
    assert (decision.status, decision.difference) == ("refused", None)
    assert decision.note.startswith("cannot be fitted: ") and settings == GOOD


def test_a_limit_of_the_domain_file_refuses_a_proposal_only(night: Run) -> None:
    """With one factor everyone gets much the same list."""
    night.settings.config.write_text(DOMAIN + "limits: {coverage@10: {min: 0.9}}\n")
    limited = replace(night, domain=load_domain(night.settings.config))
    judged, settings = evaluate(limited, 8, proposed(limited, "p1", BAD))
    assert judged.refusals == () and settings == GOOD
    assert "coverage@10 is 0." in judged.proposals[0].note


def test_a_changed_domain_file_searches_for_itself(night: Run) -> None:
    """The champion's settings are no measure then: what was made for the new file waits a night."""
    old = champion_of(night, 1)
    config = night.settings.config
    config.write_text(DOMAIN.replace("list_size: 8", "list_size: 9"))
    changed = replace(night, domain=load_domain(config))
    judged = evaluate_model(
        changed, training(), old, [proposed(changed, "new", GOOD), proposed(night, "old", GOOD)]
    )
    assert [(one.proposal_id, one.status) for one in judged.proposals] == [("old", "outdated")]
    assert "proposal" not in {row.subject for row in judged.evaluations}


def test_a_first_nightly_searches_for_itself(night: Run) -> None:
    judged = evaluate_model(night, training(), None, [proposed(night, "p1", BAD)])
    assert judged.proposals == () and judged.notes == ("no champion to compare with",)


def insert(lake: Lake, name: str, made_at: datetime, as_of: datetime, status: str = "open") -> None:
    lake.write(
        lambda con: con.execute(
            "insert into ops.proposals by name select ? as proposal_id, ?::timestamp as made_at,"
            " ?::timestamp as as_of, ? as searched_until, 'h' as model_config, '{}' as settings, ? as status",
            [name, made_at, as_of, as_of, status],
        ),
        run_id="test",
        message="proposal",
    )


def test_open_ones_are_found_newest_first_and_closed_once(settings: Settings) -> None:
    day = timedelta(days=1)
    with open_lake(settings) as lake:
        insert(lake, "a", EARLY + 9 * day, EARLY)
        insert(lake, "b", EARLY + 10 * day, EARLY)
        insert(lake, "from later data", EARLY + 11 * day, EARLY + day)
        insert(lake, "refused before", EARLY + 12 * day, EARLY, "refused")
        assert [one.proposal_id for one in open_proposals(lake, EARLY)] == ["b", "a"]
        assert open_proposals(lake, EARLY)[0] == Proposal("b", "h", EARLY, {})
        for run_id, status in (("first", "taken"), ("second", "refused")):
            decision = Decision("b", status, "why", 0.1, 0.0, 0.2)
            lake.write(
                lambda con, one=decision, run=run_id: close_proposals(con, [one], run, EARLY),
                run_id=run_id,
                message="decision",
            )
        assert lake.rows(
            "select status, decided_by, difference, low, high, note from ops.proposals"
            " where proposal_id = 'b'"
        ) == [("taken", "first", 0.1, 0.0, 0.2, "why")]
        assert [one.proposal_id for one in open_proposals(lake, EARLY)] == ["a"]
