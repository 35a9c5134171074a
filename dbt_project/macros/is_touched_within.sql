{#- Whether the person touched the item within so many days; null while they have not passed. -#}
{% macro is_touched_within(days) -%}
    case
        when touches.first_touched_at <= listed.generated_at + interval {{ days }} day then true
        when newest.newest_event_at >= listed.generated_at + interval {{ days }} day then false
    end
{%- endmacro %}
