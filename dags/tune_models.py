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

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from plugins.cron_on_time import CronOnTime
from plugins.dag_defaults import cutoff_param, dag_defaults, domain_param, this_run


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
    schedule=CronOnTime("0 4 * * 0", timezone="UTC"),
    params={
        "as_of": cutoff_param(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=12, task_hours=4),
)
def tune_models() -> None:
    search.expand(source=prepare()) >> propose()


tune_models()
