with

source as (

    select * from {{ source('ops', 'quality_results') }}

)

select
    run_id,
    suite,
    expectation,
    is_success,
    severity,
    observed,
    "limit",
    checked_at
from source
