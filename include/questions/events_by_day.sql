-- How much happened, day by day, days without an event included?
select
    event_date,
    events,
    users,
    new_users,
    round(events_per_user, 1) as events_per_user
from nightjar.marts.user_engagements
order by event_date desc
limit 28;
