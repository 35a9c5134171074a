with

source as (

    select * from {{ source('serving', 'recommendations') }}

)

select
    user_id,
    rank,
    item_id,
    score,
    source,
    reason,
    model_version,
    publication_id,
    generated_at,
    share
from source
