with

months as (

    select months.*
    from {{ ref('fct_community_monthly') }} as months
    inner join {{ ref('stg_own_communities') }} as own
        on months.platform = own.platform
        and months.community = own.community

),

days as (

    select
        *,
        {{ period_start('month', 'contribution_date') }} as month_start_date
    from {{ ref('fct_community_daily') }}

),

offers as (

    select
        offers.offer,
        offers.first_date,
        offers.last_date,
        offers.is_everywhere,
        places.platform,
        places.community
    from {{ ref('stg_offers') }} as offers
    left join {{ ref('stg_offer_communities') }} as places on offers.offer = places.offer

),

-- Days on which an offer held there, or had ended a week ago or less.
offer_days as (

    select distinct
        days.platform,
        days.community,
        days.contribution_date
    from days
    inner join offers
        on (offers.is_everywhere or (days.platform = offers.platform and days.community = offers.community))
        and days.contribution_date >= offers.first_date
        and days.contribution_date <= {{ dbt.dateadd('day', 7, 'offers.last_date') }}

),

beginners as (

    select
        days.platform,
        days.community,
        days.month_start_date,
        sum(days.new_contributors) as new_contributors,
        count(days.new_contributors) as new_known_days_n,
        sum(case when offer_days.contribution_date is not null then days.new_contributors end) as new_on_offer_days,
        count(case when offer_days.contribution_date is not null then days.new_contributors end) as offer_days_n
    from days
    left join offer_days
        on days.platform = offer_days.platform
        and days.community = offer_days.community
        and days.contribution_date = offer_days.contribution_date
    group by days.platform, days.community, days.month_start_date

),

looks as (

    select
        *,
        {{ period_start('month', 'observation_date') }} as month_start_date,
        row_number() over (
            partition by platform, community, {{ period_start('month', 'observation_date') }} order by observation_date
        ) as place,
        row_number() over (
            partition by platform, community, {{ period_start('month', 'observation_date') }} order by observation_date desc
        ) as place_from_end
    from {{ ref('fct_community_size_daily') }}
    where members_n is not null

),

members as (

    select
        platform,
        community,
        month_start_date,
        max(case when place = 1 then observation_date end) as first_look_date,
        max(case when place_from_end = 1 then observation_date end) as last_look_date,
        max(case when place = 1 then members_n end) as members_first_n,
        max(case when place_from_end = 1 then members_n end) as members_last_n
    from looks
    group by platform, community, month_start_date

),

asked as (

    select
        posts.platform,
        posts.community,
        posts.contribution_id,
        {{ period_start('month', 'posts.contribution_date') }} as month_start_date,
        min({{ hours_between('posts.created_at', 'answers.created_at') }}) as team_answer_h
    from {{ ref('fct_contributions') }} as posts
    left join {{ ref('fct_contributions') }} as answers
        on posts.platform = answers.platform
        and posts.community = answers.community
        and posts.contribution_id = answers.thread_id
        and answers.kind = 'comment'
        and answers.author_role = 'team'
        and {{ period_start('month', 'answers.contribution_date') }}
        = {{ period_start('month', 'posts.contribution_date') }}
    where posts.kind = 'post' and posts.is_by_contributor and posts.is_looked_at and not posts.is_repeat
    group by posts.platform, posts.community, posts.contribution_id,
        {{ period_start('month', 'posts.contribution_date') }}

),

answered as (

    select
        platform,
        community,
        month_start_date,
        count(*) as posts_n,
        count(team_answer_h) as answered_by_team_n,
        percentile_cont(0.5) within group (order by team_answer_h) as median_team_answer_h
    from asked
    group by platform, community, month_start_date

)

select
    months.platform,
    months.community,
    months.month_start_date,
    months.contributors,
    cast(case when beginners.new_known_days_n > 0 then beginners.new_contributors end as bigint) as new_contributors,
    cast(beginners.offer_days_n as bigint) as offer_days_n,
    cast(beginners.new_on_offer_days as bigint) as new_contributors_on_offer_days,
    members.first_look_date as members_first_date,
    members.last_look_date as members_last_date,
    members.members_last_n as members_n,
    case
        when members.first_look_date < members.last_look_date then members.members_last_n - members.members_first_n
    end as members_change_n,
    cast(coalesce(answered.posts_n, case when months.posts is not null then 0 end) as bigint) as posts_by_people_n,
    cast(coalesce(answered.answered_by_team_n, case when months.posts is not null then 0 end) as bigint)
        as answered_by_team_n,
    case when {{ is_enough('answered.posts_n') }} then {{ share('answered.answered_by_team_n', 'answered.posts_n') }} end
        as answered_by_team_share,
    case
        when {{ is_enough('answered.posts_n') }} then {{ wilson_low('answered.answered_by_team_n', 'answered.posts_n') }}
    end as answered_by_team_share_low,
    case
        when {{ is_enough('answered.posts_n') }} then {{ wilson_high('answered.answered_by_team_n', 'answered.posts_n') }}
    end as answered_by_team_share_high,
    answered.median_team_answer_h,
    months.is_period_complete,
    {{ caveats({
        'incomplete': 'not months.is_period_complete',
        'not_observable': 'members.members_last_n is null',
        'small_n': 'not coalesce(' ~ is_enough('answered.posts_n') ~ ', false)',
    }) }} as caveat
from months
left join beginners
    on months.platform = beginners.platform
    and months.community = beginners.community
    and months.month_start_date = beginners.month_start_date
left join members
    on months.platform = members.platform
    and months.community = members.community
    and months.month_start_date = members.month_start_date
left join answered
    on months.platform = answered.platform
    and months.community = answered.community
    and months.month_start_date = answered.month_start_date
