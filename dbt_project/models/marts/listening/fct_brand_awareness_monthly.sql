with

calendar as (

    {{ brand_calendar(ref('int_listening_months'), ref('stg_brands')) }}

),

namers as (

    select distinct
        platform,
        community,
        month_start_date,
        author_platform,
        author_key,
        brand
    from {{ ref('int_brand_mentions_of_months') }}
    where decision = 'accepted' and author_key is not null

),

-- Looks back and never ahead: what a month says does not change when somebody names the brand again later.
dated as (

    select
        *,
        min(month_start_date) over (
            partition by platform, community, brand, author_platform, author_key
        ) as first_month_date
    from namers

),

counted as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as people_n,
        count(case when month_start_date = first_month_date then 1 end) as first_time_people_n,
        count(case when month_start_date > first_month_date then 1 end) as returning_people_n
    from dated
    group by platform, community, month_start_date, brand

),

joined as (

    select
        calendar.*,
        cast(coalesce(counted.people_n, calendar.nobody_seen) as bigint) as people_n,
        cast(case
            when not calendar.is_left_censored then coalesce(counted.first_time_people_n, calendar.nobody_seen)
        end as bigint) as first_time_people_n,
        cast(case
            when not calendar.is_left_censored then coalesce(counted.returning_people_n, calendar.nobody_seen)
        end as bigint) as returning_people_n
    from calendar
    left join counted
        on calendar.platform = counted.platform
        and calendar.community = counted.community
        and calendar.month_start_date = counted.month_start_date
        and calendar.brand = counted.brand

)

select
    platform,
    community,
    month_start_date,
    brand,
    is_ours,
    contributors,
    people_n,
    case when {{ is_enough('contributors') }} then {{ share('people_n', 'contributors') }} end as aware_share,
    case when {{ is_enough('contributors') }} then {{ wilson_low('people_n', 'contributors') }} end as aware_share_low,
    case when {{ is_enough('contributors') }} then {{ wilson_high('people_n', 'contributors') }} end as aware_share_high,
    first_time_people_n,
    returning_people_n,
    case when {{ is_enough('people_n') }} then {{ share('returning_people_n', 'people_n') }} end as returning_share,
    case
        when {{ is_enough('people_n') }} then {{ wilson_low('returning_people_n', 'people_n') }}
    end as returning_share_low,
    case
        when {{ is_enough('people_n') }} then {{ wilson_high('returning_people_n', 'people_n') }}
    end as returning_share_high,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ brand_caveat({
        'left_censored': 'is_left_censored',
        'small_n': 'not ' ~ is_enough('coalesce(people_n, 0)'),
    }) }} as caveat
from joined
