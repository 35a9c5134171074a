{#- Every row meets every condition; one that is null is not met.
    One query a model, since a test costs the same whatever it asks. -#}
{% test holds(model, conditions) %}
select *
from {{ model }}
where
    {% for condition in conditions -%}
    ({{ condition }}) is not true{{ " or" if not loop.last }}
    {% endfor %}
{% endtest %}
