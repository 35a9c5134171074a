"""How often an A/A test is called a difference by somebody who looks every day.

Run: python -m benchmarks.experiments
1,000 simulated tests of 28 days and some 5,000 people, whose outcomes are skewed counts: two variants that
are the same, looked at daily, by the sequential interval and by the usual one; and with 10 % more outcomes in
one of them. Then tests of 100,000 people whose shares are one point off.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import tea_tasting as tt

from include.experiments.report import MIN_RATIO_P, PLANNED_PEOPLE
from include.experiments.sequential import narrowest_at, pseudo_outcomes, radius

TESTS, DAYS, PEOPLE_A_DAY = 1000, 28, 180
NORMAL = 1.96
SKEWED_TESTS, SKEWED_PEOPLE = 100, 100_000


def main() -> None:
    rng = np.random.default_rng(1)
    print(f"{TESTS:,} tests of {DAYS * PEOPLE_A_DAY:,} people, looked at each of {DAYS} days")
    print("| called a difference on some day | nothing is there | 10 % more is there |\n|---|---|---|")
    rates = {effect: called(rng, effect) for effect in (0.0, 0.1)}
    for name in rates[0.0]:
        print(f"| {name} | {rates[0.0][name]:.1%} | {rates[0.1][name]:.1%} |")
    for share in (0.5, 0.51):
        found = sum(ratio_p(rng, share) < MIN_RATIO_P for _ in range(SKEWED_TESTS))
        print(
            f"shares of {share:.0%} and {1 - share:.0%} for {SKEWED_PEOPLE:,} people meant alike: "
            f"{found} of {SKEWED_TESTS} found skewed"
        )


def called(rng: np.random.Generator, effect: float) -> dict[str, float]:
    """Share of tests in which the interval of some day leaves out 0."""
    by_sequence = by_habit = once = 0
    for _ in range(TESTS):
        n = DAYS * PEOPLE_A_DAY
        treated = rng.random(n) < 0.5
        taste = rng.gamma(0.5, 4.0, n)
        outcome = rng.poisson(taste * np.where(treated, 1 + effect, 1)).astype(float)
        looks = np.arange(1, DAYS + 1) * PEOPLE_A_DAY
        means, deviations = zip(*(_moments(outcome[:at], treated[:at]) for at in looks), strict=True)
        mean, deviation = np.array(means), np.array(deviations)
        by_sequence += bool((np.abs(mean) > radius(looks, deviation, narrowest_at(PLANNED_PEOPLE))).any())
        usual = np.abs(mean) > NORMAL * deviation / np.sqrt(looks)
        by_habit += bool(usual.any())
        once += bool(usual[-1])
    return {
        "the sequential interval": by_sequence / TESTS,
        "the usual interval": by_habit / TESTS,
        "the usual interval, looked at on the last day alone": once / TESTS,
    }


def _moments(outcome: np.ndarray, treated: np.ndarray) -> tuple[float, float]:
    values = pseudo_outcomes(outcome, treated, 0.5)
    return float(values.mean()), float(values.std())


def ratio_p(rng: np.random.Generator, share: float) -> float:
    people = pd.DataFrame({"variant": np.where(rng.random(SKEWED_PEOPLE) < share, "b", "a")})
    test = tt.Experiment({"ratio": tt.SampleRatio({"a": 1, "b": 1})}, variant="variant")
    return float(test.analyze(people, control="a")["ratio"].pvalue)


if __name__ == "__main__":
    main()
