"""# Erasure of a person

Takes a person out of every table, every old snapshot, and every file below NIGHTJAR_HOME, and refuses their
rows if they land again. It ends with a search for what still names them.

* `user_id`: as the landed rows name them. `dry_run` counts and changes nothing.
* **Earlier publications cannot be gone back to afterwards**: their snapshots hold the person's lists.
* `rewrite_landing` takes their rows out of landing files too; else the files are named.
* A run that is triggered waits for an approval (`approve`); `make erase` is one.
* Airflow keeps the id in the record of this run: `make erase` hands it over by a file, which is removed.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, get_current_context, task

from include.assets import FEATURES, RECOMMENDATIONS
from plugins.dag_defaults import dag_defaults, domain_param, dry_run_param, person_params, this_run


@task.branch
def is_approved_already() -> str:
    """`make erase` is the approval, and a dry run needs none."""
    params = get_current_context()["params"]
    return "erase" if params["dry_run"] or params["request"] else "approve"


@task(outlets=[FEATURES, RECOMMENDATIONS], trigger_rule="none_failed_min_one_success")
def erase() -> str:
    from include.lake.lake import open_lake
    from include.operations.erase import count_person, erase_user
    from include.operations.person_request import person_of
    from include.settings import utc_now

    run, params = this_run(), get_current_context()["params"]
    user_id = person_of(run.settings, params["user_id"], params["request"])
    with open_lake(run.settings) as lake:
        if params["dry_run"]:
            return count_person(lake, run.domain, user_id).describe()
        done = erase_user(
            lake,
            run.domain,
            user_id,
            run_id=run.run_id,
            now=utc_now(),
            rewrite_landing=params["rewrite_landing"],
        )
    return done.describe()


@dag(
    schedule=None,
    params={
        **person_params(),
        "rewrite_landing": Param(
            False, type="boolean", title="Rewrite landing files", description="Take the rows out of them too."
        ),
        "dry_run": dry_run_param(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=24, task_hours=2),
)
def erase_user() -> None:
    approve = ApprovalOperator(
        task_id="approve",
        subject="Erase a person",
        fail_on_reject=True,
        retries=0,  # whoever said no is not asked again
        body="Earlier publications cannot be gone back to afterwards. Who it is: the param user_id.",
    )
    erased = erase()
    is_approved_already() >> [approve, erased]
    approve >> erased


erase_user()
