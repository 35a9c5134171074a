-- Who gets nothing but what is popular?
select
    users.user_id,
    users.events,
    users.items,
    users.last_event_at
from nightjar.features.user_stats as users
inner join (
    select user_id
    from nightjar.serving.recommendations
    group by user_id
    having bool_and(source in ('popular', 'trending'))
) as popular_only using (user_id)
order by users.events desc, users.user_id
limit 10;
