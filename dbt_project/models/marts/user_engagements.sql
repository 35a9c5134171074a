with

events as (

    select * from {{ ref('stg_events') }}

),

user_days as (

    select
        events.user_id,
        events.event_date,
        count(*) as events,
        min(events.event_date) over (partition by events.user_id) as first_date
    from events
    group by events.user_id, events.event_date

),

days as (

    select cast(series.began_at as date) as event_date
    from (
        select
            unnest(generate_series(min(events.event_date), max(events.event_date), interval 1 day))
                as began_at
        from events
    ) as series

),

counted as (

    select
        user_days.event_date,
        count(*) as users,
        count(*) filter (where user_days.first_date = user_days.event_date) as new_users,
        sum(user_days.events) as events
    from user_days
    group by user_days.event_date

)

select
    days.event_date,
    cast(coalesce(counted.events, 0) as bigint) as events,
    cast(counted.events / counted.users as double) as events_per_user,
    coalesce(counted.users, 0) as users,
    coalesce(counted.new_users, 0) as new_users,
    coalesce(counted.users - counted.new_users, 0) as returning_users
from days
left join counted
    on days.event_date = counted.event_date
