with

source as (

    select * from {{ source('features', 'user_interests') }}

)

select
    user_id,
    rank,
    attribute,
    label,
    weight,
    recent_weight,
    lift,
    as_of
from source
