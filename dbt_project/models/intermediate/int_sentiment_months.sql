{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}

),

-- All communities together beside each, where what stands in two counts once.
scopes as (

    {% for platform, community in [('platform', 'community'), ("'*'", "'*'")] -%}
    select
        {{ platform }} as platform,
        {{ community }} as community,
        month_start_date,
        sentiment_label,
        sentiment_score
    from contributions
    {{ 'where ' ~ is_counted_once() if loop.last else 'union all' }}
    {% endfor %}
)

select
    platform,
    community,
    month_start_date,
    {{ sentiment_counts() }},
    {{ sentiment_score_sums() }}
from scopes
group by platform, community, month_start_date
