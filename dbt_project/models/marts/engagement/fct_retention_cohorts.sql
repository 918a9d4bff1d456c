with

months as (

    select * from {{ ref('int_community_months') }}

),

active as (

    select
        platform,
        community,
        {{ period_start('month', 'new_contributor_date') }} as cohort_month_start_date,
        month_start_date,
        count(*) as contributors
    from {{ ref('int_contributor_months') }}
    group by platform, community, {{ period_start('month', 'new_contributor_date') }}, month_start_date

),

-- Everybody of a cohort wrote in its own month: that is what made them the cohort.
cohorts as (

    select
        active.platform,
        active.community,
        active.cohort_month_start_date,
        -- Where history has just begun everybody looks new: then the cohort is not known.
        case when not months.is_left_censored then active.contributors end as cohort_n,
        months.is_period_complete as is_cohort_month_complete,
        months.is_left_censored,
        months.days_posts_known_n as cohort_days_posts_known_n,
        months.days_comments_known_n as cohort_days_comments_known_n,
        months.days_messages_known_n as cohort_days_messages_known_n,
        months.history_days_n
    from active
    inner join months
        on active.platform = months.platform
        and active.community = months.community
        and active.cohort_month_start_date = months.month_start_date
    where active.month_start_date = active.cohort_month_start_date

),

followed as (

    select
        cohorts.*,
        months.month_start_date,
        months.days_n,
        months.days_complete_n,
        months.is_period_complete,
        {{ dbt.datediff('cohorts.cohort_month_start_date', 'months.month_start_date', 'month') }} as age_months,
        case when months.days_posts_known_n > 0 then 1 else 0 end as are_posts_known,
        case when months.days_comments_known_n > 0 then 1 else 0 end as are_comments_known,
        case when months.days_messages_known_n > 0 then 1 else 0 end as are_messages_known,
        months.has_threads,
        months.has_messages,
        months.authors_unobserved_n,
        -- Who came by comments may have stayed by comments: of a month that lacks a kind, nobody knows.
        case
            when not cohorts.is_left_censored
                and months.days_known_n > 0
                and not coalesce(months.is_without_authors, false)
                and (months.days_posts_known_n > 0 or cohorts.cohort_days_posts_known_n = 0)
                and (months.days_comments_known_n > 0 or cohorts.cohort_days_comments_known_n = 0)
                and (months.days_messages_known_n > 0 or coalesce(cohorts.cohort_days_messages_known_n, 0) = 0)
                then coalesce(active.contributors, 0)
        end as active_n
    from cohorts
    inner join months
        on cohorts.platform = months.platform
        and cohorts.community = months.community
        and cohorts.cohort_month_start_date <= months.month_start_date
    left join active
        on cohorts.platform = active.platform
        and cohorts.community = active.community
        and cohorts.cohort_month_start_date = active.cohort_month_start_date
        and months.month_start_date = active.month_start_date

)

select
    platform,
    community,
    cohort_month_start_date,
    cast(age_months as bigint) as age_months,
    month_start_date,
    cohort_n,
    cast(active_n as bigint) as active_n,
    case when {{ is_enough('cohort_n') }} then {{ share('active_n', 'cohort_n') }} end as retention_rate,
    -- In its own month the rate is 1 by definition.
    case
        when {{ is_enough('cohort_n') }} and age_months > 0 and active_n is not null
            then {{ wilson_low('active_n', 'cohort_n') }}
    end as retention_rate_low,
    case
        when {{ is_enough('cohort_n') }} and age_months > 0 and active_n is not null
            then {{ wilson_high('active_n', 'cohort_n') }}
    end as retention_rate_high,
    is_left_censored,
    history_days_n,
    days_n,
    days_complete_n,
    is_period_complete,
    is_cohort_month_complete,
    {{ caveats(merged([kind_caveats('are_{}_known'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'not is_period_complete or not is_cohort_month_complete',
        'left_censored': 'is_left_censored',
        'not_observable': 'active_n is null and not is_left_censored',
        'small_n': 'not (' ~ is_enough('cohort_n') ~ ')',
    }])) }} as caveat
from followed
