with

source as (

    select * from {{ source('raw', 'users') }}

)

select
    user_id,
    attributes,
    batch_id,
    ingested_at
from source
