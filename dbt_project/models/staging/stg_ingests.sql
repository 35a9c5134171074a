with

source as (

    select * from {{ source('ops', 'ingests') }}

)

select
    batch_id,
    source,
    file,
    status,
    rows_in,
    accepted,
    quarantined,
    deduplicated,
    late,
    first_event_at,
    last_event_at,
    ingested_at,
    run_id
from source
