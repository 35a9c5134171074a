-- What are people told, and how often?
select
    source,
    count(*) as rows,
    count(distinct user_id) as people,
    any_value(reason) as one_of_them
from nightjar.serving.recommendations
where rank <= 10
group by source
order by rows desc;
