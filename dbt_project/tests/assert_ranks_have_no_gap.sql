-- A list that starts after rank 1 or leaves a rank out was cut on its way into the mart.
select
    user_id,
    count(*) as ranks,
    max(rank) as last_rank
from {{ ref('recommendations') }}
group by user_id
having min(rank) <> 1 or max(rank) <> count(distinct rank)
