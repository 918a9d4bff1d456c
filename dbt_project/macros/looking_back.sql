{# What looks back. Months: who is new, or what somebody was the month before, rests on all months up to this one, and on
   no later one. So a partial build makes the earliest month that holds an affected date, and every month after it. #}

{# Condition on rows of a model that is dated by the first day of its month. #}
{% macro is_month_affected_or_later(start_column) -%}
    {%- if not is_partial_build() -%}
        true
    {%- elif var('affected_dates') -%}
        {{ start_column }} >= {{ period_start('month', "cast('" ~ (var('affected_dates') | min) ~ "' as date)") }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Pre-hook of such models. #}
{% macro delete_affected_months_and_later(start_column) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ is_month_affected_or_later(start_column) }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{# Days that look back rest on no later day: a partial build makes the earliest affected date, and every day after it.
   With `days_before`, so many days before it too: what those days are made of. #}
{% macro is_date_affected_or_later(date_column, days_before=0) -%}
    {%- if not is_partial_build() -%}
        true
    {%- elif var('affected_dates') -%}
        {%- set first = "cast('" ~ (var('affected_dates') | min) ~ "' as date)" -%}
        {{ date_column }} >= {{ 'cast(' ~ dbt.dateadd('day', -days_before, first) ~ ' as date)' if days_before else first }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Pre-hook of such models. #}
{% macro delete_affected_dates_and_later(date_column) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ is_date_affected_or_later(date_column) }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}
