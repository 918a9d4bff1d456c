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
        count(case when {{ is_counted_once() }} then 1 end) as contributions_once_n,
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
        sum(case when author_key is null then 1 else 0 end) as nameless_n,
        count(case when {{ is_counted_once() }} then 1 end) as known_once_n,
        sum(case when is_removed and {{ is_counted_once() }} then 1 else 0 end) as removed_once_n,
        sum(case when author_key is null and {{ is_counted_once() }} then 1 else 0 end) as nameless_once_n
    from dated
    where {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}
    group by platform, community, month_start_date

),

joined as (

    select
        by_now.*,
        coalesce(at_month_end.contributions_n, 0) as contributions_n,
        coalesce(at_month_end.contributions_once_n, 0) as contributions_once_n,
        at_month_end.last_observed_at
    from by_now
    left join at_month_end
        on by_now.platform = at_month_end.platform
        and by_now.community = at_month_end.community
        and by_now.month_start_date = at_month_end.month_start_date

)

select
    platform,
    community,
    month_start_date,
    contributions_n,
    last_observed_at,
    known_n,
    cast(removed_n as bigint) as removed_n,
    cast(nameless_n as bigint) as nameless_n
from joined

union all

-- All communities together, where what stands in two counts once.
select
    '*' as platform,
    '*' as community,
    month_start_date,
    cast(sum(contributions_once_n) as bigint) as contributions_n,
    max(last_observed_at) as last_observed_at,
    cast(sum(known_once_n) as bigint) as known_n,
    cast(sum(removed_once_n) as bigint) as removed_n,
    cast(sum(nameless_once_n) as bigint) as nameless_n
from joined
group by month_start_date
