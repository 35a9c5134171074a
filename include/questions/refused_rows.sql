-- What was refused, and why?
select
    source,
    regexp_extract(reason, '^[^:]+') as reason,
    count(*) as rows,
    max(ingested_at) as newest,
    left(any_value(raw), 80) as one_of_them
from nightjar.raw.quarantine
group by all
order by rows desc
limit 10;
