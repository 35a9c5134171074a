with

listed as (

    select * from {{ ref('listed_items') }}

),

items as (

    select * from {{ ref('int_items_named') }}

),

people as (

    select
        listed.publication_id,
        count(distinct listed.user_id) as people
    from listed
    group by listed.publication_id

),

counted as (

    select
        listed.publication_id,
        listed.item_id,
        any_value(listed.generated_at) as generated_at,
        count(*) as lists,
        count(*) filter (where listed.rank = 1) as first_places
    from listed
    group by listed.publication_id, listed.item_id

)

select
    counted.publication_id,
    counted.item_id,
    counted.generated_at,
    counted.lists,
    counted.first_places,
    coalesce(items.title, counted.item_id) as title,
    counted.lists / people.people as list_share
from counted
inner join people
    on counted.publication_id = people.publication_id
left join items
    on counted.item_id = items.item_id
