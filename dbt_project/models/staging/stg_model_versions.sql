with

source as (

    select * from {{ source('ops', 'model_versions') }}

)

select
    model_version,
    status,
    trained_at,
    as_of,
    data_snapshot,
    git_revision,
    parameters,
    metrics,
    artifact,
    checksum,
    run_id
from source
