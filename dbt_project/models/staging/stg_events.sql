with

source as (

    select * from {{ source('raw', 'events') }}

)

select
    event_id,
    user_id,
    item_id,
    event_type,
    event_at,
    cast(event_at as date) as event_date,
    value,
    session_id,
    variant,
    context,
    batch_id,
    ingested_at
from source
