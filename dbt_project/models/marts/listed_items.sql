{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        post_hook="delete from {{ this }} where generated_at < (select max(generated_at) from {{ this }}) - interval {{ var('listed_days') }} day"
    )
}}

with

recommendations as (

    select * from {{ ref('stg_recommendations') }}

)

select
    recommendations.publication_id,
    recommendations.user_id,
    recommendations.rank,
    recommendations.item_id,
    recommendations.source,
    recommendations.model_version,
    recommendations.generated_at
from recommendations
where
    recommendations.rank <= 10
    {% if is_incremental() %}
        and not exists (
            select 1 as is_kept
            from {{ this }} as kept
            where
                kept.publication_id = recommendations.publication_id
                and kept.user_id = recommendations.user_id
        )
    {% endif %}
