"""# Experiments: what they say so far

Once a day, for every experiment of the domain file: rates by variant with intervals, whether the shares are
those that were meant, what difference as many people could show, and a verdict that may be looked at daily.
Results are in `ops.experiment_results`.

Runbook: docs/experiments.md.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from plugins.cron_on_time import CronOnTime
from plugins.dag_defaults import dag_defaults, domain_param, this_run


@task
def report() -> list[str]:
    from include.experiments.report import describe, report_experiments
    from include.lake.lake import open_lake
    from include.settings import utc_now

    run = this_run()
    with open_lake(run.settings) as lake:
        results = report_experiments(lake, run.domain, run_id=run.run_id, now=utc_now())
    return [describe(result) for result in results] or ["the domain file has no experiments"]


@dag(
    schedule=CronOnTime("0 6 * * *", timezone="UTC"),
    params={"domain": domain_param()},
    **dag_defaults(__doc__, run_hours=1, task_hours=1),
)
def experiment_report() -> None:
    report()


experiment_report()
