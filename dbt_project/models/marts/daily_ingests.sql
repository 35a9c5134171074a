with

ingests as (

    select * from {{ ref('stg_ingests') }}

)

select
    cast(ingested_at as date) as ingested_on,
    source,
    cast(coalesce(sum(rows_in), 0) as bigint) as rows_in,
    cast(coalesce(sum(accepted), 0) as bigint) as accepted,
    cast(coalesce(sum(quarantined), 0) as bigint) as quarantined,
    cast(coalesce(sum(deduplicated), 0) as bigint) as deduplicated,
    cast(coalesce(sum(late), 0) as bigint) as late,
    count(*) as files,
    count(*) filter (where status <> 'ingested') as files_refused
from ingests
group by cast(ingested_at as date), source
