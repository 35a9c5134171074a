with

events as (

    select * from {{ ref('stg_events') }}

)

select
    event_date,
    event_type,
    count(*) as events,
    count(distinct user_id) as users,
    count(distinct item_id) as items,
    count(distinct session_id) as sessions
from events
group by event_date, event_type
