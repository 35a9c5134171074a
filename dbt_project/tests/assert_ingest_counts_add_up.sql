-- Every landed row is accepted, quarantined or deduplicated.
select
    ingested_on,
    source,
    rows_in
from {{ ref('daily_ingests') }}
where rows_in <> accepted + quarantined + deduplicated
