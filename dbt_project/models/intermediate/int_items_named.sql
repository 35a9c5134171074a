with

items as (

    select * from {{ ref('stg_items') }}

),

events as (

    select * from {{ ref('stg_events') }}

),

seen as (

    select distinct events.item_id
    from events

)

select
    items.category,
    items.available_from,
    items.available_to,
    coalesce(items.item_id, seen.item_id) as item_id,
    coalesce(items.title, items.item_id, seen.item_id) as title,
    items.item_id is not null as has_item_row
from items
full outer join seen
    on items.item_id = seen.item_id
