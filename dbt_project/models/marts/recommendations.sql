with

recommendations as (

    select * from {{ ref('stg_recommendations') }}

),

items as (

    select * from {{ ref('int_items_named') }}

)

select
    recommendations.user_id,
    recommendations.rank,
    recommendations.item_id,
    items.category,
    recommendations.score,
    recommendations.source,
    recommendations.reason,
    recommendations.model_version,
    recommendations.publication_id,
    recommendations.generated_at,
    recommendations.share,
    coalesce(items.title, recommendations.item_id) as title
from recommendations
left join items
    on recommendations.item_id = items.item_id
