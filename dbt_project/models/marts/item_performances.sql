with

items as (

    select * from {{ ref('int_items_named') }}

),

user_items as (

    select * from {{ ref('int_user_items_counted') }}

),

exposures as (

    select * from {{ ref('int_items_exposed') }}

),

activity as (

    select
        user_items.item_id,
        sum(user_items.events) as events,
        count(*) as users,
        min(user_items.first_event_at) as first_event_at,
        max(user_items.last_event_at) as last_event_at
    from user_items
    group by user_items.item_id

),

counted as (

    select
        items.item_id,
        items.title,
        items.category,
        activity.first_event_at,
        activity.last_event_at,
        exposures.mean_rank,
        coalesce(activity.events, 0) as events,
        coalesce(activity.users, 0) as users,
        coalesce(exposures.lists, 0) as lists,
        coalesce(exposures.top_10_lists, 0) as top_10_lists
    from items
    left join activity
        on items.item_id = activity.item_id
    left join exposures
        on items.item_id = exposures.item_id

),

shared as (

    select
        *,
        coalesce(events / nullif(sum(events) over (), 0), 0) as event_share,
        coalesce(lists / nullif(sum(lists) over (), 0), 0) as list_share,
        -- The head is the fifth of the items with the most users; the rest is the long tail.
        percent_rank() over (order by users desc) > 0.2 as is_long_tail
    from counted

)

select
    item_id,
    title,
    category,
    cast(events as bigint) as events,
    cast(users as bigint) as users,
    first_event_at,
    last_event_at,
    cast(lists as bigint) as lists,
    cast(top_10_lists as bigint) as top_10_lists,
    mean_rank,
    cast(event_share as double) as event_share,
    cast(list_share as double) as list_share,
    is_long_tail
from shared
