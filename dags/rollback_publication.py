"""# Rollback

Makes a kept publication live again in one commit: its lists, features and model, as a publication of kind
`rollback`. Nothing is lost: what came since is unlisted, and the next refresh folds it in.

* `to`: the publication to go back to, as `nightjar.serving.publications` lists them.
* Publications stay for `maintenance.publications_days` of the domain file.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import FEATURES, RECOMMENDATIONS
from plugins.dag_defaults import dag_defaults, domain_param, this_run


@task(outlets=[FEATURES, RECOMMENDATIONS])
def rollback() -> str:
    from include.lake.lake import open_lake
    from include.operations.rollback import rollback as go_back
    from include.settings import utc_now

    run = this_run()
    with open_lake(run.settings) as lake:
        publication = go_back(lake, get_current_context()["params"]["to"], run_id=run.run_id, now=utc_now())
    return publication.publication_id


@task
def export() -> None:
    from include.nightly import publishing

    publishing.export(this_run())


@dag(
    schedule=None,
    params={
        "to": Param(
            type="string",
            pattern=r"^\d{8,}-(nightly|refresh|rollback)-\d{8}T\d{6}$",
            title="Publication",
            description="Its publication_id, as 00000007-nightly-20260131T000000.",
        ),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=1, task_hours=1),
)
def rollback_publication() -> None:
    rollback() >> export()


rollback_publication()
