-- How much of the catalogue do the lists show, night by night?
select
    coverage.generated_at,
    coverage.people,
    coverage.items_shown,
    round(coverage.catalogue_share, 3) as catalogue_share,
    round(coverage.first_share, 3) as first_share,
    round(coverage.gini, 3) as gini
from nightjar.marts.recommendation_coverage as coverage
semi join nightjar.serving.publications as publications
    on coverage.publication_id = publications.publication_id and publications.kind = 'nightly'
order by coverage.generated_at desc
limit 30;
