with

exposures as (

    select * from {{ ref('item_exposures') }}

),

items as (

    select count(*) as items
    from {{ ref('int_items_named') }}

),

ordered as (

    select
        exposures.*,
        -- Items that nobody is shown come first in the order of exposure.
        items.items
        - count(*) over (partition by exposures.publication_id)
        + row_number()
            over (partition by exposures.publication_id order by exposures.lists, exposures.item_id)
            as place
    from exposures
    cross join items

),

summed as (

    select
        publication_id,
        any_value(generated_at) as generated_at,
        count(*) as items_shown,
        sum(lists) as places,
        sum(first_places) as people,
        max(first_places) as most_first_places,
        sum(place * lists) as placed_lists
    from ordered
    group by publication_id

)

select
    summed.publication_id,
    summed.generated_at,
    summed.items_shown,
    cast(summed.people as bigint) as people,
    cast(
        2 * summed.placed_lists / (items.items * summed.places) - (items.items + 1) / items.items as double
    ) as gini,
    summed.items_shown / items.items as catalogue_share,
    summed.most_first_places / summed.people as first_share
from summed
cross join items
