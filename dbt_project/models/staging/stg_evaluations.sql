with

source as (

    select * from {{ source('ops', 'evaluations') }}

)

select
    run_id,
    evaluated_at,
    split_at,
    subject,
    metric,
    k,
    value,
    low,
    high,
    users
from source
