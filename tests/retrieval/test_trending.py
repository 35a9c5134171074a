"""What a trend is made of, by hand."""

from __future__ import annotations

import numpy as np

from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import make_training_data
from include.retrieval.trending import Trending, TrendingParams

NOW = 100 * SECONDS_PER_DAY


def test_accounts_of_this_week_make_no_trend():
    """Twenty people took item 0 a month ago, and two of them item 1 this week; nine new accounts take item 2.

    Of the nine, one teaches: nobody else ever took it.  Window 7 days, no prior but half a person.
    """
    events = [(user, 0, 30) for user in range(20)] + [(0, 1, 2), (1, 1, 2)]
    events += [(20 + n, 2, 1) for n in range(9)]
    users, items, ages = (np.array(column) for column in zip(*events, strict=True))
    training = make_training_data(
        np.array([f"u{n}" for n in range(29)]),
        make_catalogue(np.array(["i0", "i1", "i2"])),
        make_interactions(users, items, NOW - ages * SECONDS_PER_DAY),
        as_of=NOW,
    )
    scores = Trending.fit(training, TrendingParams(prior_users=0.5), 1).scores
    np.testing.assert_allclose(scores, [0, 2**0.5 * np.log(2.5 / 0.5), np.log(1.5 / 0.5)], rtol=1e-6)
