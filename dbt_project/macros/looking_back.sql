{# What looks back: it rests on no later month or day than its own. So a partial build makes the earliest that is affected, and
   all after it. #}

{# Condition on rows of a model that is dated by the first day of its month: who is new, or what somebody was the month before,
   rests on all months up to this one. #}
{% macro is_month_affected_or_later(start_column) -%}
    {{- is_affected_or_later(start_column, period='month') -}}
{%- endmacro %}

{# The same for days. With `days_before`, so many days before the earliest too: what it is made of. #}
{% macro is_date_affected_or_later(date_column, days_before=0) -%}
    {{- is_affected_or_later(date_column, days_before=days_before) -}}
{%- endmacro %}

{% macro is_affected_or_later(column, period=none, days_before=0) -%}
    {%- if not is_partial_build() -%}
        true
    {%- elif var('affected_dates') -%}
        {%- set first = "cast('" ~ (var('affected_dates') | min) ~ "' as date)" -%}
        {%- if period -%}
            {%- set first = period_start(period, first) -%}
        {%- elif days_before -%}
            {%- set first = 'cast(' ~ dbt.dateadd('day', -days_before, first) ~ ' as date)' -%}
        {%- endif -%}
        {{ column }} >= {{ first }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Pre-hooks of such models. #}
{% macro delete_affected_months_and_later(start_column) -%}
    {{- delete_to_make_anew(is_month_affected_or_later(start_column)) -}}
{%- endmacro %}

{% macro delete_affected_dates_and_later(date_column) -%}
    {{- delete_to_make_anew(is_date_affected_or_later(date_column)) -}}
{%- endmacro %}
