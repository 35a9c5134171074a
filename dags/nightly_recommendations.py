"""# Nightly recommendations

Turns everything that has landed into the next published set of lists:
ingest → gate → dbt staging → Spark features ∥ text embeddings → evaluation gate → train → candidates and
ranking → audit → **publish in one commit** → dbt marts → report.

* Nothing that readers see changes before `publish`; a run that fails anywhere leaves the live set as it was.
* Rerun or clear any task at any time: each does the same work again for the same `as_of`.
* Params: `as_of` is the cutoff (default: the newest event, or the interval's end where the domain's clock is
  `wall`), `domain` is a domain file's name (default: `NIGHTJAR_CONFIG`).
* An `as_of` before the live model's is kept in schema `archive`: no older run replaces a newer live set.
* A refused gate is not retried: look at `reports/latest.html`, which says what stopped the run, or at
  `ops.quality_results`; mend the cause, clear the task.

Runbook: docs/operations.md.
"""

from __future__ import annotations

from airflow.sdk import TaskGroup, dag, get_current_context, task

from include.assets import EVENTS, FEATURES, MARTS, RECOMMENDATIONS
from plugins.cron_on_time import CronOnTime
from plugins.dag_defaults import cutoff_param, dag_defaults, domain_param, report_failure, this_run
from plugins.lake_dbt import LakeDbtBuildOperator

STAGING = ["path:models/staging", "path:models/intermediate"]
MART_MODELS = ["path:models/marts"]


@task(outlets=[EVENTS])
def ingest() -> None:
    from include.nightly import stages

    context = get_current_context()
    stages.ingest(this_run(), context["params"]["as_of"], context.get("data_interval_end"))


@task
def gate_input() -> None:
    from include.nightly import stages

    stages.gate_input(this_run())


@task
def build_features() -> None:
    from include.nightly import stages

    stages.build_features(this_run())


@task
def embed_texts() -> None:
    from include.nightly import stages

    stages.embed_texts(this_run())


@task
def train() -> None:
    from include.nightly import stages

    stages.train(this_run())


@task
def evaluate() -> None:
    from include.nightly import stages

    stages.evaluate(this_run())


@task
def rank_candidates() -> None:
    from include.nightly import stages

    stages.rank_candidates(this_run())


@task
def audit() -> None:
    from include.nightly import stages

    stages.audit(this_run())


@task(outlets=[FEATURES, RECOMMENDATIONS])
def publish() -> None:
    from include.nightly import publishing

    publishing.publish(this_run())


@task
def export() -> None:
    from include.nightly import publishing

    publishing.export(this_run())


@task
def report() -> None:
    from include.nightly import publishing

    publishing.report(this_run())


@dag(
    schedule=CronOnTime("0 2 * * *", timezone="UTC"),
    params={
        "as_of": cutoff_param(),
        "domain": domain_param(),
    },
    **dag_defaults(__doc__, run_hours=6, task_hours=2, on_failure=report_failure),
)
def nightly_recommendations() -> None:
    with TaskGroup("ingest") as ingesting:
        ingest() >> gate_input() >> LakeDbtBuildOperator(task_id="dbt_staging", select=STAGING)
    with TaskGroup("train") as training:
        [build_features(), embed_texts()] >> evaluate() >> train()
    with TaskGroup("publish") as publishing:
        rank_candidates() >> audit() >> publish()
    with TaskGroup("report") as reporting:
        LakeDbtBuildOperator(task_id="dbt_marts", select=MART_MODELS, outlets=[MARTS]) >> report()
        export()
    ingesting >> training >> publishing >> reporting


nightly_recommendations()
