-- The titles are joined on: that must neither drop nor double a row of the lists.
with

counted as (

    select
        (select count(*) from {{ source('serving', 'recommendations') }}) as listed,
        (select count(*) from {{ ref('recommendations') }}) as shown,
        (select coalesce(sum(lists), 0) from {{ ref('source_shares') }}) as by_source,
        (select coalesce(sum(lists), 0) from {{ ref('item_performances') }}) as by_item

)

select *
from counted
where shown <> listed or by_source <> listed or by_item <> listed
