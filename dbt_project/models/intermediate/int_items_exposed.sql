with

recommendations as (

    select * from {{ ref('stg_recommendations') }}

)

select
    item_id,
    count(*) as lists,
    count(*) filter (where rank <= 10) as top_10_lists,
    avg(rank) as mean_rank
from recommendations
group by item_id
