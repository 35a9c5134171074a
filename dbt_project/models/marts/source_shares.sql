with

recommendations as (

    select * from {{ ref('stg_recommendations') }}

),

filled as (

    select
        recommendations.rank,
        recommendations.source,
        count(*) as lists,
        avg(recommendations.share) as mean_share
    from recommendations
    group by recommendations.rank, recommendations.source

)

select
    rank,
    source,
    lists,
    cast(lists / sum(lists) over (partition by rank) as double) as list_share,
    mean_share
from filled
