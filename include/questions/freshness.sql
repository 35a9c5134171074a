-- How old is what people see?
select
    publication_id,
    kind,
    as_of,
    published_at,
    users,
    rows
from nightjar.serving.publications
order by publication_id desc
limit 5;
