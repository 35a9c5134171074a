"""# Export of a person

Writes all that is held on a person to `NIGHTJAR_HOME/exports/<request>.json`, for its owner alone: rows of
every table, and the names of files that name them.

* `user_id`: as the landed rows name them. Airflow keeps it in the record of this run; `make export` hands it
  over by a file, which is removed.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from plugins.dag_defaults import dag_defaults, domain_param, person_params, this_run


@task
def export() -> str:
    from uuid import uuid4

    from include.lake.lake import open_lake
    from include.operations.export import export_user as write_export
    from include.operations.person_request import person_of

    run, params = this_run(), get_current_context()["params"]
    user_id = person_of(run.settings, params["user_id"], params["request"])
    file = run.settings.home / "exports" / f"{params['request'] or uuid4().hex}.json"
    with open_lake(run.settings, read_only=True) as lake:
        rows = write_export(lake, run.domain, user_id, file)
    return f"{sum(rows.values()):,} rows of {len(rows)} tables: {file}"


@dag(
    schedule=None,
    params={
        **person_params(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=1, task_hours=1),
)
def export_user() -> None:
    export()


export_user()
