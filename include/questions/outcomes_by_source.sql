-- What share of the listed places did people touch within seven days, by what brought the item?
select
    source,
    count(*) as places,
    count(*) filter (where is_touched_within_7_days) as touched,
    round(avg(is_touched_within_7_days::int), 4) as touched_share,
    count(*) filter (where is_touched_within_7_days is null) as not_known_yet
from nightjar.marts.recommendation_outcomes
group by source
order by places desc;
