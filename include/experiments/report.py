"""What an experiment says so far: rates by variant, how sure, and whether the sample can be trusted."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import product

import duckdb
import pandas as pd

from include.config.domain import Domain
from include.config.experiments import ExperimentConfig
from include.experiments.sequential import read_difference
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake

log = logging.getLogger(__name__)
METRICS = ("outcomes", "converted")
# Below it the shares are not those that were meant: the comparison is not to be trusted.
MIN_RATIO_P = 0.001
# Fewer people on a side, and normal intervals of means do not hold.
MIN_PEOPLE = 50
# At so many people the sequential interval is narrowest; within tenfold either way it is little wider.
PLANNED_PEOPLE = 5000


@dataclass(frozen=True)
class Result:
    """A row of ops.experiment_results; see there."""

    experiment: str
    metric: str
    variant: str
    control: str
    people: int
    control_people: int
    mean: float
    control_mean: float
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    sequential_low: float | None
    sequential_high: float | None
    detectable: float | None
    ratio_p_value: float | None
    crossed: int
    verdict: str


def report_experiments(lake: Lake, domain: Domain, *, run_id: str, now: datetime) -> list[Result]:
    """Read every experiment of the domain file and keep the results; the newest of a run stand."""
    results = [
        result
        for experiment in domain.experiments
        for result in read_experiment(lake.con, experiment, _outcome_types(domain, experiment))
    ]
    rows = [{**asdict(result), "run_id": run_id, "reported_at": now} for result in results]

    def work(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("delete from ops.experiment_results where run_id = ?", [run_id])
        insert_rows(con, "ops.experiment_results", rows)

    lake.write(work, run_id=run_id, message="experiments")
    for result in results:
        log.info("%s", describe(result))
    return results


def _outcome_types(domain: Domain, experiment: ExperimentConfig) -> tuple[str, ...]:
    if experiment.outcomes:
        return experiment.outcomes
    types = domain.events.types.items()
    return tuple(name for name, kind in types if kind.weight is None or kind.weight > 0)


def load_people(
    con: duckdb.DuckDBPyConnection, experiment: ExperimentConfig, outcomes: tuple[str, ...]
) -> tuple[pd.DataFrame, int]:
    """(a row a person in the order in which they came in: variant, outcomes, converted, before; how many
    people saw more than one variant, who are left out: nobody knows which one moved them)."""
    found = con.execute(
        """
        with exposures as (
            select user_id, variant, event_at from raw.events
            where
                variant in (select unnest($variants))
                and event_at >= $starts::timestamp
                and coalesce(event_at < $ends::timestamp, true)
        ),
        people as (
            select
                user_id,
                min(event_at) as exposed_at,
                min_by(variant, event_at) as variant,
                count(distinct variant) as variants
            from exposures group by user_id
        )
        select
            people.user_id,
            people.variant,
            people.variants,
            count(*) filter (
                events.event_at >= people.exposed_at and coalesce(events.event_at < $ends::timestamp, true)
            )::double as outcomes,
            count(*) filter (events.event_at < people.exposed_at)::double as before
        from people
        left join raw.events as events
            on
                events.user_id = people.user_id
                and events.event_type in (select unnest($outcomes))
                and events.event_at >= people.exposed_at - to_microseconds($before_microseconds)
        group by all
        order by min(people.exposed_at), people.user_id
        """,
        {
            "variants": list(experiment.variants),
            "starts": experiment.starts,
            "ends": experiment.ends,
            "outcomes": list(outcomes),
            "before_microseconds": int(experiment.before_days * 86_400_000_000),
        },
    ).df()
    crossed = int((found["variants"] > 1).sum())
    people = found[found["variants"] == 1].reset_index(drop=True)
    people["converted"] = (people["outcomes"] > 0).astype(float)
    return people, crossed


def read_experiment(
    con: duckdb.DuckDBPyConnection, experiment: ExperimentConfig, outcomes: tuple[str, ...]
) -> list[Result]:
    """A result for each variant but the first, and each of METRICS."""
    people, crossed = load_people(con, experiment, outcomes)
    control, *others = experiment.variants
    pairs = product(others, METRICS)
    return [_compare(people, experiment, metric, variant, control, crossed) for variant, metric in pairs]


def _compare(
    people: pd.DataFrame, experiment: ExperimentConfig, metric: str, variant: str, control: str, crossed: int
) -> Result:
    import tea_tasting as tt

    pair = people[people["variant"].isin((control, variant))]
    treated = pair["variant"] == variant
    sides = pair.loc[treated, metric], pair.loc[~treated, metric]
    n, n_control = (len(side) for side in sides)
    mean, control_mean = (float(side.mean()) if len(side) else 0.0 for side in sides)
    nothing = (None,) * 8
    if min(n, n_control) < MIN_PEOPLE or pair[metric].nunique() < 2:
        difference, low, high, p_value, early_low, early_high, detectable, ratio = nothing
        verdict = f"too few: {n} and {n_control} people; {MIN_PEOPLE} each are needed, and some outcome"
    else:
        shares = {name: experiment.variants[name] for name in (control, variant)}
        covariate = "before" if pair["before"].nunique() > 1 else None
        test = tt.Mean(metric, covariate=covariate)
        read = tt.Experiment({"mean": test, "ratio": tt.SampleRatio(shares)}, variant="variant").analyze(
            pair[["variant", metric, "before"]], control=control
        )
        found, ratio = read["mean"], float(read["ratio"].pvalue)
        difference, p_value = float(found.effect_size), float(found.pvalue)
        low, high = float(found.effect_size_ci_lower), float(found.effect_size_ci_upper)
        detectable = float(test.solve_power(pair, "effect_size")[0].effect_size)
        share = shares[variant] / sum(shares.values())
        early = read_difference(pair[metric].to_numpy(), treated.to_numpy(), share, PLANNED_PEOPLE)
        early_low, early_high = early.low, early.high
        verdict = _verdict(early_low, early_high, ratio, control_mean, experiment.max_loss)
    return Result(
        experiment.name,
        metric,
        variant,
        control,
        n,
        n_control,
        mean,
        control_mean,
        difference,
        low,
        high,
        p_value,
        early_low,
        early_high,
        detectable,
        ratio,
        crossed,
        verdict,
    )


def _verdict(low: float, high: float, ratio: float, control_mean: float, max_loss: float) -> str:
    """By the interval that may be looked at daily alone."""
    if ratio < MIN_RATIO_P:
        return "the shares are not those that were meant: find out why before reading anything"
    if high < -max_loss * control_mean:
        return "stop: it has surely lost more than max_loss"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "undecided"


def describe(result: Result) -> str:
    """One line for people."""
    means = f"{result.mean:.4g} against {result.control_mean:.4g}"
    if result.difference is None:
        return f"{result.experiment}, {result.metric}, {result.variant}: {means}; {result.verdict}"
    return (
        f"{result.experiment}, {result.metric}, {result.variant}: {means} ({result.people:,} and"
        f" {result.control_people:,} people), {result.difference:+.4g}, to be looked at daily"
        f" {result.sequential_low:+.4g} to {result.sequential_high:+.4g}; {result.verdict}"
    )
