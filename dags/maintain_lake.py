"""# Maintenance of the lake

Once a day: old snapshots expire, files that nothing needs are removed, small files are merged, and runs,
models and reports beyond their age are pruned. What is kept how long: `maintenance` in the domain file.

* Safe beside readers and running DAGs: what a snapshot needed stays an hour longer, young ones never expire.
* `dry_run` counts what would go.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from plugins.cron_on_time import CronOnTime
from plugins.dag_defaults import dag_defaults, domain_param, dry_run_param, this_run


@task
def maintain() -> str:
    from include.lake.lake import open_lake
    from include.operations.maintain import maintain as maintain_lake
    from include.settings import utc_now

    run = this_run()
    is_dry_run = get_current_context()["params"]["dry_run"]
    with open_lake(run.settings) as lake:
        done = maintain_lake(
            lake, run.domain.maintenance, run_id=run.run_id, now=utc_now(), is_dry_run=is_dry_run
        )
    return done.describe()


@dag(
    schedule=CronOnTime("0 5 * * *", timezone="UTC"),
    params={
        "dry_run": dry_run_param(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=2, task_hours=2),
)
def maintain_lake() -> None:
    maintain()


maintain_lake()
