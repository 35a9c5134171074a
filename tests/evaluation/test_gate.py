from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from include.errors import GateError
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluate import Evaluation, evaluate_lists
from include.evaluation.gate import GateLimits, check_leakage, judge
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data

N_USERS = 200
RELEVANT = sp.csr_matrix((np.ones(N_USERS), (np.arange(N_USERS), np.arange(N_USERS) % 10)), (N_USERS, 30))


def evaluation(share_hit: float) -> Evaluation:
    """The first share_hit of users find their item on the first place, the others not at all."""
    items = np.tile(np.arange(20, 30), (N_USERS, 1))
    n_hit = int(share_hit * N_USERS)
    items[:n_hit, 0] = np.arange(n_hit) % 10
    return evaluate_lists(items, RELEVANT)


def test_one_judged_user_has_an_interval_without_width() -> None:
    interval = bootstrap_interval(np.array([0.25]), seed=1)
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.25, 0.25)
    assert np.isnan(bootstrap_interval(np.array([]), seed=1).mean)


def test_interval_of_known_values():
    interval = bootstrap_interval(np.array([0.0, 1.0] * 200), seed=1)
    assert interval.mean == 0.5
    # Standard error 0.025: the interval is about ±0.049.
    assert interval.low == pytest.approx(0.451, abs=0.01)
    assert interval.high == pytest.approx(0.549, abs=0.01)


def test_a_better_challenger_is_promoted():
    verdict = judge(evaluation(0.6), evaluation(0.5), GateLimits())
    assert verdict.is_promoted
    assert verdict.difference.mean == pytest.approx(0.1)


def test_a_worse_one_is_refused_and_says_by_how_much():
    verdict = judge(evaluation(0.4), evaluation(0.5), GateLimits())
    assert not verdict.is_promoted
    assert "worse: ndcg@10 -0.1000 [" in verdict.reasons[0]


def test_a_large_loss_is_refused_even_where_the_interval_is_wide():
    champion = evaluation(0.5)
    noisy = champion.by_user["ndcg@10"].copy()
    noisy[:4] = 0
    challenger = replace(champion, by_user={"ndcg@10": noisy - 0.0}, figures={"ndcg@10": float(noisy.mean())})
    assert not judge(challenger, champion, GateLimits(max_loss=0.01)).is_promoted


def test_nan_and_degenerate_are_refused():
    good = evaluation(0.5)
    broken = replace(good, figures=good.figures | {"ndcg@10": float("nan")})
    assert "ndcg@10 is nan" in judge(broken, good, GateLimits()).reasons[0]
    same = np.tile(np.arange(10), (N_USERS, 1))
    assert "degenerate" in judge(good, good, GateLimits(), challenger_lists=same).reasons[0]


def test_a_bound_of_the_domain_refuses():
    verdict = judge(evaluation(0.5), None, GateLimits(bounds={"coverage@10": (0.9, None)}))
    assert "coverage@10 is 0.6667, limit 0.9" in verdict.reasons[0]


def test_without_champion_or_judges_a_sound_one_goes_through_with_a_note():
    assert judge(evaluation(0.1), None, GateLimits()).notes == ("no champion to compare with",)
    nobody = judge(Evaluation({}, {}, 0), evaluation(0.5), GateLimits())
    assert nobody.is_promoted
    assert "nobody came back" in nobody.notes[0]


def test_different_judges_cannot_be_compared():
    with pytest.raises(GateError, match="same split"):
        judge(evaluation(0.5), replace(evaluation(0.5), n_users=3), GateLimits())


def test_the_canary_trips_on_future_events_and_on_features_built_too_late():
    known = make_interactions([0, 0, 1], [0, 1, 2], np.array([1.0, 5.0, 2.0]))
    catalogue = make_catalogue(np.array(["a", "b", "c"]))
    users = np.array(["u", "v"])
    clean = make_training_data(users, catalogue, known.where(known.event_at < 4), as_of=3.0)
    check_leakage(clean, known, cutoff=4.0)
    late = make_training_data(users, catalogue, known, as_of=5.0)
    with pytest.raises(GateError, match="1 training events"):
        check_leakage(late, known, cutoff=4.0)
    with pytest.raises(GateError, match="1 of 3 history pairs"):
        check_leakage(replace(clean, histories=late.histories), known, cutoff=4.0)
