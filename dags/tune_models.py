"""# Tuning of the models

Searches each source's settings on the inner time split and writes the best as a proposal, which the next
nightly takes as its challenger: prepare → search, a task a source → propose.

* The newest events, by which the nightly judges, are cut off first: no setting is chosen by what judges it.
* The lake is read as of one snapshot and written once, by `propose`: rerun or clear any task at any time.
* Nothing is published here. The nightly takes a proposal that beats the champion's settings at its gate, and
  otherwise refuses it and goes on with the champion's; `ops.proposals` says which, by how much and why.
* Every trial is in `ops.tuning_trials`; progress is in the log of each `search`.
* Params: as the nightly's. All is skipped where the domain file has `tuning: {search: off}`, or where too
  few users came back to judge by.

How it works: docs/models.md.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from plugins.dag_defaults import cutoff_param, domain_param, task_defaults, this_run


@task
def prepare() -> list[str]:
    """The sources to search for."""
    from include.tune_models import tuning_stages

    context = get_current_context()
    sources = tuning_stages.prepare(this_run(), context["params"]["as_of"], context.get("data_interval_end"))
    if not sources:
        raise AirflowSkipException("nothing to search: the log says why")
    return sources


@task(map_index_template="{{ source }}")
def search(source: str) -> None:
    from include.tune_models import tuning_stages

    get_current_context()["source"] = source  # the name that the UI shows for this instance
    tuning_stages.search(this_run(), source)


@task
def propose() -> None:
    from include.tune_models import tuning_stages

    tuning_stages.propose(this_run())


@dag(
    schedule="0 4 * * 0",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    tags=["nightjar"],
    doc_md=__doc__,
    params={
        "as_of": cutoff_param(),
        "domain": domain_param(),
    },
    default_args=task_defaults(execution_timeout=timedelta(hours=4)),
)
def tune_models() -> None:
    search.expand(source=prepare()) >> propose()


tune_models()
