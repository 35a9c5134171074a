-- What does the most active person get, and why?
select
    rank,
    title,
    source,
    round(score, 3) as score,
    reason
from nightjar.marts.recommendations
where user_id = (
    select user_id from nightjar.features.user_stats order by events desc, user_id limit 1
)
order by rank
limit 10;
