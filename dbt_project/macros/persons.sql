{# Persons in tables: only where a platform's terms allow it, and only those who lead. #}

{# Condition on rows that tell of persons. #}
{% macro may_rank_persons(column='platform') -%}
    {{ column }} in (select platform from {{ ref('dim_platforms') }} where may_rank_persons)
{%- endmacro %}
