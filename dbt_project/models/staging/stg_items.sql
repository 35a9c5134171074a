with

source as (

    select * from {{ source('raw', 'items') }}

)

select
    item_id,
    title,
    description,
    category,
    tags,
    attributes,
    available_from,
    available_to,
    updated_at,
    batch_id,
    ingested_at
from source
