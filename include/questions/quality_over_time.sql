-- How good is the pipeline, night by night, beside the best single source?
select
    evaluated_at,
    round(max(value) filter (where subject = 'pipeline'), 4) as pipeline,
    round(max(low) filter (where subject = 'pipeline'), 4) as low,
    round(max(high) filter (where subject = 'pipeline'), 4) as high,
    round(max(value) filter (where subject = 'popular'), 4) as popular
from nightjar.ops.evaluations
where metric = 'ndcg' and k = 10
group by run_id, evaluated_at
having pipeline is not null
order by evaluated_at desc
limit 30;
