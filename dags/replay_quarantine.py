"""# Replay of quarantine

Judges quarantined rows again by today's domain file: those that pass leave `raw.quarantine` and are
accepted, each once. The next refresh lists whom they touch.

* `kind`: events, items, users, or empty for all. `reason`: only rows whose reason begins with it, as
  `unknown_event_type`; empty for all. `dry_run` counts the rows that would be judged.
* Mend the domain file first: rows that still fail stay as they are.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import EVENTS
from plugins.dag_defaults import dag_defaults, domain_param, dry_run_param, this_run


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
    params={
        "kind": Param(
            None,
            type=["null", "string"],
            enum=[None, "events", "items", "users", "relations"],
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
        "dry_run": dry_run_param(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=2, task_hours=2),
)
def replay_quarantine() -> None:
    replay()


replay_quarantine()
