{#- The schema that the model names, with no prefix of the target: analysts read nightjar.marts.*. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
