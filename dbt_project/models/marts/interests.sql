with

interests as (

    select * from {{ ref('stg_user_interests') }}

),

people as (

    select count(distinct interests.user_id) as people
    from interests

)

select
    interests.attribute,
    interests.label,
    count(*) as users,
    count(*) / people.people as user_share,
    count(*) filter (where interests.rank = 1) as users_first,
    avg(interests.weight) as mean_weight,
    avg(interests.recent_weight) as mean_recent_weight
from interests
cross join people
group by interests.attribute, interests.label, people.people
