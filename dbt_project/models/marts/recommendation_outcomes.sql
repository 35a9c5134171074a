with

listed as (

    select * from {{ ref('listed_items') }}

),

events as (

    select * from {{ ref('stg_events') }}

),

newest as (

    select max(events.event_at) as newest_event_at
    from events

),

touches as (

    select
        listed.publication_id,
        listed.user_id,
        listed.rank,
        min(events.event_at) as first_touched_at,
        arg_min(events.event_type, events.event_at) as first_event_type
    from listed
    inner join events
        on
            listed.user_id = events.user_id
            and listed.item_id = events.item_id
            and listed.generated_at < events.event_at
            and listed.generated_at + interval 30 day >= events.event_at
    group by listed.publication_id, listed.user_id, listed.rank

)

select
    listed.publication_id,
    listed.user_id,
    listed.rank,
    listed.item_id,
    listed.source,
    listed.model_version,
    listed.generated_at,
    touches.first_touched_at,
    touches.first_event_type,
    {{ is_touched_within(1) }} as is_touched_within_1_days,
    {{ is_touched_within(7) }} as is_touched_within_7_days,
    {{ is_touched_within(30) }} as is_touched_within_30_days
from listed
cross join newest
left join touches
    on
        listed.publication_id = touches.publication_id
        and listed.user_id = touches.user_id
        and listed.rank = touches.rank
