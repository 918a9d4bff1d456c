{{ config(
    materialized='incremental',
    pre_hook=["{{ delete_affected_weeks() }}", "{{ delete_affected_months() }}"],
) }}

with

contributions as (
    {{ contributions_of_periods(
        ref('int_contributions_latest'),
        ref('int_contributions_at_month_end'),
        ['platform', 'community', 'author_key', 'is_by_contributor', 'contribution_date', 'score', 'is_repeat'],
    ) }}

),

-- The days on which somebody wrote, as the bits of a number: one pass instead of one for days, one for weeks.
in_communities as (

    select
        period,
        period_start_date,
        platform,
        community,
        author_key,
        bit_or({{ bit_at(dbt.datediff('period_start_date', 'contribution_date', 'day')) }}) as day_bits,
        count(*) as contributions,
        sum(score) as score_sum,
        -- Of these, what totals over communities count.
        count(case when {{ is_counted_once() }} then 1 end) as contributions_once,
        sum(case when {{ is_counted_once() }} then score end) as score_sum_once
    from contributions
    where is_by_contributor
    group by period, period_start_date, platform, community, author_key

),

threads as (

    select * from {{ ref('int_thread_periods') }}
    where contributor_key is not null and comments_by_others > 0 and {{ is_any_period_affected() }}

),

replies as (

    select
        period,
        period_start_date,
        platform,
        community,
        contributor_key as author_key,
        sum(comments_by_others) as replies_received,
        sum(case when {{ is_counted_once() }} then comments_by_others else 0 end) as replies_received_once
    from threads
    group by period, period_start_date, platform, community, contributor_key

),

replied as (

    select
        in_communities.*,
        coalesce(replies.replies_received, 0) as replies_received,
        coalesce(replies.replies_received_once, 0) as replies_received_once
    from in_communities
    left join replies
        on in_communities.period = replies.period
        and in_communities.period_start_date = replies.period_start_date
        and in_communities.platform = replies.platform
        and in_communities.community = replies.community
        and in_communities.author_key = replies.author_key

),

-- A month also has all communities together, where a person counts once, and so does what stands in two of them. Keys are made with the platform's name, so
-- those of two platforms never meet.
people as (

    select
        period,
        period_start_date,
        platform,
        community,
        author_key,
        day_bits,
        contributions,
        score_sum,
        replies_received
    from replied
    union all
    select
        period,
        period_start_date,
        '*' as platform,
        '*' as community,
        author_key,
        bit_or(day_bits) as day_bits,
        sum(contributions_once) as contributions,
        sum(score_sum_once) as score_sum,
        sum(replies_received_once) as replies_received
    from replied
    where period = 'month'
    group by period, period_start_date, author_key

),

with_mondays as (

    select
        *,
        (8 - {{ iso_weekday('period_start_date') }}) % 7 as first_monday,
        {{ dbt.datediff('period_start_date', period_end('month', 'period_start_date'), 'day') }} as last_day
    from people

)

select
    period,
    platform,
    community,
    period_start_date,
    author_key,
    day_bits,
    cast(bit_count(day_bits) as bigint) as active_days,
    case
        when period = 'month' then cast(
            {%- for week in range(4) %}
            case
                when first_monday + {{ 7 * week + 6 }} <= last_day
                    and {{ bits_from('day_bits', 'first_monday + ' ~ 7 * week) }} & 127 > 0 then 1
                else 0
            end
            {{- ' +' if not loop.last }}
            {%- endfor %} as bigint
        )
    end as active_weeks,
    cast(contributions as bigint) as contributions,
    cast(score_sum as bigint) as score_sum,
    cast(replies_received as bigint) as replies_received
from with_mondays
