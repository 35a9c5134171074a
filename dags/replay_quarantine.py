"""# Replay of quarantine

Judges quarantined rows again by today's domain file: those that pass leave `raw.quarantine` and are
accepted, each once. The next refresh lists whom they touch.

* `kind`: events, items, users, or empty for all. `reason`: only rows whose reason begins with it, as
  `unknown_event_type`; empty for all. `dry_run` counts the rows that would be judged.
* Mend the domain file first: rows that still fail stay as they are.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, get_current_context, task

from include.assets import EVENTS
from plugins.dag_defaults import domain_param, task_defaults, this_run


@task(outlets=[EVENTS])
def replay() -> dict[str, int]:
    from include.lake.lake import open_lake
    from include.operations.replay_kinds import replay_kinds
    from include.settings import utc_now

    run, params = this_run(), get_current_context()["params"]
    with open_lake(run.settings) as lake:
        return replay_kinds(
            lake,
            run.domain,
            run_id=run.run_id,
            now=utc_now(),
            kind=params["kind"],
            reason=params["reason"],
            is_dry_run=params["dry_run"],
        )


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    tags=["nightjar"],
    doc_md=__doc__,
    params={
        "kind": Param(
            None,
            type=["null", "string"],
            enum=[None, "events", "items", "users"],
            title="Kind",
            description="Which rows; empty: all three.",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Reason",
            description="Only rows whose reason begins with it, as unknown_event_type. Empty: all.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Count, change nothing."),
        "domain": domain_param(),
    },
    default_args=task_defaults(execution_timeout=timedelta(hours=2)),
)
def replay_quarantine() -> None:
    replay()


replay_quarantine()
