with

publications as (

    select * from {{ ref('stg_publications') }}

)

select
    publication_id,
    kind,
    as_of,
    published_at,
    model_version,
    users,
    rows,
    run_id,
    -- How old the newest data in it was when readers got it.
    cast(epoch(published_at) - epoch(as_of) as double) as data_age_seconds,
    cast(
        epoch(published_at) - epoch(lag(published_at) over (order by published_at, publication_id)) as double
    ) as seconds_since_previous
from publications
