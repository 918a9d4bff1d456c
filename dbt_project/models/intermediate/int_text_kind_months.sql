{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}

),

-- All kinds in one pass; then a row for each.
months as (

    select
        platform,
        community,
        month_start_date,
        {% for kind in need_kinds() -%}
        count(is_{{ kind }}) as {{ kind }}_judged_n,
        count(case when is_{{ kind }} then 1 end) as {{ kind }}_flagged_n{{ ',' if not loop.last }}
        {% endfor %}
    from contributions
    group by platform, community, month_start_date

)

{% for kind in need_kinds() -%}
select
    platform,
    community,
    month_start_date,
    '{{ kind }}' as kind,
    {{ kind }}_judged_n as judged_n,
    {{ kind }}_flagged_n as flagged_n
from months
{{ 'union all' if not loop.last }}
{% endfor %}
