with

calendar as (

    {{ brand_calendar(ref('int_listening_months'), ref('stg_brands')) }}

),

mentions as (

    select * from {{ ref('int_brand_mentions_of_months') }}

),

counted as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(case when decision = 'accepted' then 1 end) as mentions_n,
        count(case when decision = 'unsure' then 1 end) as unsure_n,
        count(case when decision = 'rejected' then 1 end) as rejected_n
    from mentions
    group by platform, community, month_start_date, brand

),

all_brands as (

    select
        platform,
        community,
        month_start_date,
        sum(mentions_n) as mentions_n
    from counted
    group by platform, community, month_start_date

),

namers as (

    select distinct
        platform,
        community,
        month_start_date,
        author_platform,
        author_key,
        brand
    from mentions
    where decision = 'accepted' and author_key is not null

),

-- Each person has one vote, and splits it equally over the brands that they named.
split as (

    select
        *,
        count(*) over (
            partition by platform, community, month_start_date, author_platform, author_key
        ) as brands_n
    from namers

),

-- Sums of exact parts, so that the order of rows cannot show in the last digit.
votes as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as people_n,
        cast(sum(cast(1.0 / brands_n as decimal(19, 12))) as double) as votes_sum,
        cast(sum(cast(1.0 / (brands_n * brands_n) as decimal(19, 12))) as double) as votes_squares
    from split
    group by platform, community, month_start_date, brand

),

voters as (

    select
        platform,
        community,
        month_start_date,
        count(*) as voters_n
    from (
        select distinct platform, community, month_start_date, author_platform, author_key from namers
    ) as persons
    group by platform, community, month_start_date

),

joined as (

    select
        calendar.*,
        cast(coalesce(voters.voters_n, calendar.nobody_seen) as bigint) as voters_n,
        cast(coalesce(votes.people_n, calendar.nobody_seen) as bigint) as people_n,
        coalesce(votes.votes_sum, calendar.nobody_seen) as votes_sum,
        coalesce(votes.votes_squares, calendar.nobody_seen) as votes_squares,
        cast(coalesce(counted.mentions_n, calendar.nothing_seen) as bigint) as mentions_n,
        cast(coalesce(counted.unsure_n, calendar.nothing_seen) as bigint) as unsure_n,
        cast(coalesce(counted.rejected_n, calendar.nothing_seen) as bigint) as rejected_n,
        cast(coalesce(all_brands.mentions_n, calendar.nothing_seen) as bigint) as mentions_of_all_n
    from calendar
    left join counted
        on calendar.platform = counted.platform
        and calendar.community = counted.community
        and calendar.month_start_date = counted.month_start_date
        and calendar.brand = counted.brand
    left join all_brands
        on calendar.platform = all_brands.platform
        and calendar.community = all_brands.community
        and calendar.month_start_date = all_brands.month_start_date
    left join votes
        on calendar.platform = votes.platform
        and calendar.community = votes.community
        and calendar.month_start_date = votes.month_start_date
        and calendar.brand = votes.brand
    left join voters
        on calendar.platform = voters.platform
        and calendar.community = voters.community
        and calendar.month_start_date = voters.month_start_date

)

select
    platform,
    community,
    month_start_date,
    brand,
    is_ours,
    voters_n,
    people_n,
    votes_sum,
    case when {{ is_enough('voters_n') }} then {{ share('votes_sum', 'voters_n') }} end as share_of_voice,
    case
        when {{ is_enough('voters_n') }} then {{ votes_low('votes_sum', 'votes_squares', 'voters_n') }}
    end as share_of_voice_low,
    case
        when {{ is_enough('voters_n') }} then {{ votes_high('votes_sum', 'votes_squares', 'voters_n') }}
    end as share_of_voice_high,
    mentions_n,
    mentions_of_all_n,
    case
        when {{ is_enough('mentions_of_all_n') }} then {{ share('mentions_n', 'mentions_of_all_n') }}
    end as mentions_share,
    unsure_n,
    rejected_n,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ brand_caveat({
        'many_unsure': 'unsure_n > mentions_n',
        'small_n': 'mentions_of_all_n < ' ~ var('share_of_voice_min_mentions')
            ~ ' or not ' ~ is_enough('coalesce(voters_n, 0)'),
    }) }} as caveat
from joined
