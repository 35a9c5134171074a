with

results as (

    select * from {{ ref('stg_quality_results') }}

)

select
    run_id,
    suite,
    max(checked_at) as checked_at,
    count(*) as checks,
    count(*) filter (where not is_success and severity = 'critical') as failed,
    count(*) filter (where not is_success and severity <> 'critical') as warned,
    string_agg(
        expectation || ': found ' || observed || ', allowed ' || "limit", '; '
        order by expectation
    ) filter (where not is_success) as findings
from results
group by run_id, suite
