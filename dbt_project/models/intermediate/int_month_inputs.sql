{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

at_month_end as (

    select
        platform,
        community,
        month_start_date,
        count(*) as contributions_n,
        max(last_observed_at) as last_observed_at
    from {{ ref('int_contributions_at_month_end') }}
    where {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}
    group by platform, community, month_start_date

),

dated as (

    select
        *,
        {{ period_start('month', 'contribution_date') }} as month_start_date
    from {{ ref('int_contributions_latest') }}

),

-- What was taken back after the month's end went from what was seen in it, too.
by_now as (

    select
        platform,
        community,
        month_start_date,
        count(*) as known_n,
        sum(case when is_removed then 1 else 0 end) as removed_n,
        sum(case when author_key is null then 1 else 0 end) as nameless_n
    from dated
    where {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}
    group by platform, community, month_start_date

)

select
    by_now.platform,
    by_now.community,
    by_now.month_start_date,
    coalesce(at_month_end.contributions_n, 0) as contributions_n,
    at_month_end.last_observed_at,
    by_now.known_n,
    cast(by_now.removed_n as bigint) as removed_n,
    cast(by_now.nameless_n as bigint) as nameless_n
from by_now
left join at_month_end
    on by_now.platform = at_month_end.platform
    and by_now.community = at_month_end.community
    and by_now.month_start_date = at_month_end.month_start_date
