-- Items, users and days each count every event once: a fan-out or a lost row shows as another sum.
with

counted as (

    select
        (select count(*) from {{ ref('stg_events') }}) as events,
        (select coalesce(sum(events), 0) from {{ ref('item_performances') }}) as by_item,
        (select coalesce(sum(events), 0) from {{ ref('user_activities') }}) as by_user,
        (select coalesce(sum(events), 0) from {{ ref('daily_activities') }}) as by_day

)

select *
from counted
where by_item <> events or by_user <> events or by_day <> events
