{%- set window_days = var('overlap_window_days') -%}
{%- set min_shared = var('overlap_min_shared') -%}
{%- set rounds = 13 -%}

with

days as (

    select * from {{ ref('int_contributor_days') }}

),

calendar as (

    select
        platform,
        community,
        contribution_date,
        is_day_complete,
        coalesce(authors_unobserved_n, 0) as authors_unobserved_n,
        {{ sum_of_kinds() }} as contributions_n
    from {{ ref('fct_community_daily') }}

),

-- All communities of a platform over the same days, or who wrote in one could not have been seen in the other.
windows as (

    select
        platform,
        cast({{ dbt.dateadd('day', 1 - window_days, 'max(contribution_date)') }} as date) as window_start_date,
        max(contribution_date) as window_end_date
    from days
    group by platform

),

bots as (

    select distinct platform, author_key from days where author_role = 'bot'

),

memberships as (

    select
        days.platform,
        days.community,
        days.author_key,
        sum(days.posts + days.comments + days.messages) as contributions
    from days
    inner join windows
        on days.platform = windows.platform
        and days.contribution_date >= windows.window_start_date
    where days.is_contributor
    group by days.platform, days.community, days.author_key

),

people as (

    select
        memberships.platform,
        memberships.author_key,
        -- A number for a person: pairs of keys would take much more room.
        row_number() over (order by memberships.platform, memberships.author_key) as person
    from memberships
    left join bots
        on memberships.platform = bots.platform
        and memberships.author_key = bots.author_key
    where bots.author_key is null
    group by memberships.platform, memberships.author_key
    having sum(memberships.contributions) >= {{ var('overlap_min_contributions') }}
        and count(*) <= {{ var('overlap_max_communities_per_person') }}

),

peopled as (

    select
        memberships.platform,
        memberships.community,
        count(*) as contributors_n
    from memberships
    inner join people
        on memberships.platform = people.platform
        and memberships.author_key = people.author_key
    group by memberships.platform, memberships.community

),

completeness as (

    select
        calendar.platform,
        calendar.community,
        windows.window_start_date,
        windows.window_end_date,
        count(case when calendar.is_day_complete then 1 end) as days_complete_n,
        sum(calendar.authors_unobserved_n) > 0 as has_authors_unobserved,
        {{ is_without_authors('sum(calendar.authors_unobserved_n)', 'sum(calendar.contributions_n)') }} as is_without_authors
    from calendar
    inner join windows
        on calendar.platform = windows.platform
        and calendar.contribution_date between windows.window_start_date and windows.window_end_date
    group by calendar.platform, calendar.community, windows.window_start_date, windows.window_end_date

),

placed as (

    select
        completeness.*,
        case
            when not completeness.is_without_authors then coalesce(peopled.contributors_n, 0)
        end as contributors_n,
        row_number() over (
            partition by completeness.platform
            order by coalesce(peopled.contributors_n, 0) desc, completeness.community
        ) as size_place,
        row_number() over (order by completeness.platform, completeness.community) as number
    from completeness
    left join peopled
        on completeness.platform = peopled.platform
        and completeness.community = peopled.community

),

communities as (

    select * from placed where size_place <= {{ var('overlap_max_communities') }}

),

members as (

    select
        communities.platform,
        communities.number,
        people.person
    from memberships
    inner join communities
        on memberships.platform = communities.platform
        and memberships.community = communities.community
    inner join people
        on memberships.platform = people.platform
        and memberships.author_key = people.author_key

),

-- In how many of the compared communities each person writes, which says how often communities can meet in them.
breadths as (

    select
        platform,
        person,
        count(*) as communities_n
    from members
    group by platform, person

),

-- How often a community meets any other in its people; and the weights of which any two multiply to as many meetings
-- as both would have with each other, so that each comes to its own in sum, none meeting itself. Each round begins from
-- the one before, and half of it on a scale of powers, or it would swing.
meetings_0 as (

    select
        members.platform,
        members.number,
        cast(sum(breadths.communities_n - 1) as double) as meetings_n,
        cast(sum(breadths.communities_n - 1) as double) as weight
    from members
    inner join breadths on members.person = breadths.person
    group by members.platform, members.number
    having sum(breadths.communities_n - 1) > 0

),

{% for round in range(1, rounds + 1) %}
meetings_{{ round }} as (

    select
        platform,
        number,
        meetings_n,
        -- Nine digits make sums exact, so that the order of rows cannot show.
        {%- set others = '(sum(cast(weight as decimal(24, 9))) over (partition by platform) - cast(weight as decimal(24, 9)))' %}
        {%- if loop.first %}
        weight / nullif(sqrt(cast(sum(cast(weight as decimal(24, 9))) over (partition by platform) as double)), 0) as weight
        {%- else %}
        round(sqrt(weight * meetings_n / nullif(cast({{ others }} as double), 0)), 9) as weight
        {%- endif %}
    from meetings_{{ round - 1 }}

),

{% endfor %}
platforms as (

    select
        platform,
        count(*) as people_n
    from breadths
    group by platform

),

sizes as (

    select platform, count(*) as communities_n from communities group by platform

),

shared as (

    select
        one.number as one_number,
        other.number as other_number,
        count(*) as shared_n
    from members as one
    inner join members as other
        on one.person = other.person
        and one.number < other.number
    group by one.number, other.number
    having count(*) >= {{ min_shared }}

),

counted as (

    select
        shared.one_number,
        shared.other_number,
        shared.shared_n,
        one.platform,
        platforms.people_n,
        cast(one.contributors_n as double) * other.contributors_n as product_n,
        one_meetings.weight * other_meetings.weight as expected_n,
        sizes.communities_n * (sizes.communities_n - 1) / 2 as pairs_n
    from shared
    inner join communities as one on shared.one_number = one.number
    inner join communities as other on shared.other_number = other.number
    inner join meetings_{{ rounds }} as one_meetings on shared.one_number = one_meetings.number
    inner join meetings_{{ rounds }} as other_meetings on shared.other_number = other_meetings.number
    inner join platforms on one.platform = platforms.platform
    inner join sizes on one.platform = sizes.platform

),

judged as (

    select
        *,
        -- The expected number is a model's: what is hardly more is none.
        {{ upper_tail(normal_of_poisson('cast(shared_n as double)', '(' ~ var('overlap_min_excess') ~ ' * expected_n)')) }}
            as p_value
    from counted

),

clear as (

    {{ clear_rows('judged', ['platform'], ['one_number', 'other_number'], family_n='cast(pairs_n as double)') }}

),

-- Where all pairs would be too many rows, only those that share enough people have one.
pairs as (

    select
        one.number as one_number,
        other.number as other_number
    from communities as one
    inner join communities as other on one.number <> other.number
    where (select count(*) from communities) <= {{ var('overlap_all_pairs_communities') }}
    union
    select one_number, other_number from clear
    union
    select other_number, one_number from clear

),

joined as (

    select
        one.platform,
        one.community,
        other.platform as other_platform,
        other.community as other_community,
        case when one.platform = other.platform then one.window_start_date end as window_start_date,
        case when one.platform = other.platform then one.window_end_date end as window_end_date,
        one.contributors_n,
        other.contributors_n as other_contributors_n,
        clear.people_n,
        clear.shared_n,
        clear.product_n,
        clear.expected_n,
        clear.is_clear,
        least(one.days_complete_n, other.days_complete_n) as days_complete_n,
        one.has_authors_unobserved or other.has_authors_unobserved as has_authors_unobserved,
        one.platform <> other.platform or one.is_without_authors or other.is_without_authors as is_unobservable
    from pairs
    inner join communities as one on pairs.one_number = one.number
    inner join communities as other on pairs.other_number = other.number
    left join clear
        on clear.one_number = least(pairs.one_number, pairs.other_number)
        and clear.other_number = greatest(pairs.one_number, pairs.other_number)

)

select
    platform,
    community,
    other_platform,
    other_community,
    window_start_date,
    window_end_date,
    cast(contributors_n as bigint) as contributors_n,
    cast(other_contributors_n as bigint) as other_contributors_n,
    cast(people_n as bigint) as people_n,
    cast(shared_n as bigint) as shared_n,
    round({{ share('shared_n', 'contributors_n') }}, 6) as shared_share,
    round({{ wilson_low('shared_n', 'contributors_n') }}, 6) as shared_share_low,
    round({{ wilson_high('shared_n', 'contributors_n') }}, 6) as shared_share_high,
    round({{ share('shared_n', 'least(contributors_n, other_contributors_n)') }}, 6) as containment,
    round(shared_n * people_n / product_n, 6) as lift,
    round({{ count_low('shared_n', '1.0', z()) }} * people_n / product_n, 6) as lift_low,
    round({{ count_high('shared_n', '1.0', z()) }} * people_n / product_n, 6) as lift_high,
    round(expected_n, 6) as expected_shared_n,
    is_clear as is_clearly_above_expected,
    cast({{ window_days }} as bigint) as days_n,
    days_complete_n,
    days_complete_n = {{ window_days }} as is_period_complete,
    {{ caveats({
        'authors_not_observed': 'has_authors_unobserved',
        'incomplete': 'days_complete_n < ' ~ window_days,
        'not_observable': 'is_unobservable',
        'small_n': 'not is_unobservable and shared_n is null',
    }) }} as caveat
from joined
