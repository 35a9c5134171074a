with

events as (

    select * from {{ ref('stg_events') }}

)

select
    user_id,
    item_id,
    count(*) as events,
    min(event_at) as first_event_at,
    max(event_at) as last_event_at
from events
group by user_id, item_id
