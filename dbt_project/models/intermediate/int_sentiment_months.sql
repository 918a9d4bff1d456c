{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}

)

select
    platform,
    community,
    month_start_date,
    {{ sentiment_counts() }}
from contributions
group by platform, community, month_start_date
