with

events as (

    select * from {{ ref('stg_events') }}

),

users as (

    select * from {{ ref('stg_users') }}

),

recommendations as (

    select * from {{ ref('stg_recommendations') }}

),

activity as (

    select
        events.user_id,
        count(*) as events,
        count(distinct events.item_id) as items,
        count(distinct events.session_id) as sessions,
        count(distinct events.event_date) as active_days,
        min(events.event_at) as first_event_at,
        max(events.event_at) as last_event_at
    from events
    group by events.user_id

),

lists as (

    select
        recommendations.user_id,
        count(*) as listed_items
    from recommendations
    group by recommendations.user_id

)

select
    activity.user_id,
    activity.events,
    activity.items,
    activity.sessions,
    activity.active_days,
    activity.first_event_at,
    activity.last_event_at,
    users.attributes,
    coalesce(lists.listed_items, 0) as listed_items
from activity
left join lists
    on activity.user_id = lists.user_id
left join users
    on activity.user_id = users.user_id
