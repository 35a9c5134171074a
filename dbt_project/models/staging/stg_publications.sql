with

source as (

    select * from {{ source('serving', 'publications') }}

)

select
    publication_id,
    kind,
    as_of,
    published_at,
    model_version,
    users,
    rows,
    run_id
from source
