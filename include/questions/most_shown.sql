-- Which items do most people see in their first ten places?
select
    item_id,
    title,
    top_10_lists,
    lists,
    users
from nightjar.marts.item_performances
order by top_10_lists desc, item_id
limit 10;
