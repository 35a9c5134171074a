with

model_versions as (

    select * from {{ ref('stg_model_versions') }}

),

evaluations as (

    select * from {{ ref('stg_evaluations') }}

),

pipeline as (

    select
        evaluations.run_id,
        max(evaluations.value) filter (where evaluations.metric = 'ndcg') as ndcg_at_10,
        max(evaluations.value) filter (where evaluations.metric = 'recall') as recall_at_10,
        max(evaluations.value) filter (where evaluations.metric = 'hit_rate') as hit_rate_at_10,
        max(evaluations.value) filter (where evaluations.metric = 'coverage') as coverage_at_10
    from evaluations
    where evaluations.subject = 'pipeline' and evaluations.k = 10
    group by evaluations.run_id

)

select
    model_versions.model_version,
    model_versions.status,
    model_versions.trained_at,
    model_versions.as_of,
    model_versions.data_snapshot,
    model_versions.git_revision,
    model_versions.parameters,
    model_versions.metrics,
    model_versions.run_id,
    pipeline.ndcg_at_10,
    pipeline.recall_at_10,
    pipeline.hit_rate_at_10,
    pipeline.coverage_at_10
from model_versions
left join pipeline
    on model_versions.run_id = pipeline.run_id
