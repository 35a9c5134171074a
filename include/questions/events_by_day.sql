-- How much happened, day by day, days without an event included?
select
    days.day::date as day,
    coalesce(sum(activities.events), 0) as events,
    coalesce(max(activities.users), 0) as most_users_of_a_type
from (
    select unnest(generate_series(
        (select max(event_date) - 27 from nightjar.marts.daily_activities),
        (select max(event_date) from nightjar.marts.daily_activities),
        interval 1 day
    )) as day
) as days
left join nightjar.marts.daily_activities as activities on activities.event_date = days.day
group by days.day
order by days.day;
