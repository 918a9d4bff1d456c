with

voices as (

    select
        *,
        max(month_start_date) over (partition by platform) as last_month
    from {{ ref('int_topic_voices') }}
    where text_month_start_date = month_start_date and is_contributor

),

-- Of a platform a person counts once, in however many communities.
topic_people as (

    select
        platform,
        topic_id,
        count(distinct author_number) as people,
        count(distinct community) as communities_n
    from voices
    where month_start_date = last_month
    group by platform, topic_id

),

topics as (

    select
        monthly.platform,
        monthly.topic_id,
        max(monthly.label) as label,
        max(monthly.people_share) as largest_share,
        max(monthly.people_share_low) as largest_share_low
    from {{ ref('fct_topics_monthly') }} as monthly
    inner join (select distinct platform, last_month from voices) as lasts
        on monthly.platform = lasts.platform
        and monthly.month_start_date = lasts.last_month
    group by monthly.platform, monthly.topic_id

),

-- What people everywhere write as often is common talk, no interest of somebody's.
sought as (

    select distinct
        platform,
        interest
    from {{ ref('fct_interests') }}
    where interest_kind = 'topic' and is_clear

),

likes as (

    select distinct interest from {{ ref('stg_interest_communities') }}
    where (platform, community) in (
        select platform, community from {{ ref('int_goal_fits') }} where is_followed
    )

),

interests as (

    select
        fits.platform,
        fits.goal,
        sum(fits.authors_n) as people,
        count(case when fits.authors_n > 0 then 1 end) as communities_n,
        max(case when {{ is_enough('fits.people_n') }} then {{ share('fits.authors_n', 'fits.people_n') }} end)
            as largest_share,
        max({{ wilson_low('fits.authors_n', 'fits.people_n') }}) as largest_share_low,
        max(case when likes.interest is not null then 1 else 0 end) = 1 as has_like
    from {{ ref('int_goal_fits') }} as fits
    left join likes
        on fits.goal = likes.interest
    where fits.goal_kind = 'interest' and fits.is_followed and fits.authors_n is not null
    group by fits.platform, fits.goal

),

voiced as (

    select
        topic_people.platform,
        'topic' as interest_kind,
        cast(topic_people.topic_id as {{ dbt.type_string() }}) || coalesce(': ' || topics.label, '') as interest,
        topic_people.people,
        topic_people.communities_n,
        topics.largest_share,
        topics.largest_share_low,
        sought.interest is null as is_left_out
    from topic_people
    inner join topics
        on topic_people.platform = topics.platform
        and topic_people.topic_id = topics.topic_id
    left join sought
        on topic_people.platform = sought.platform
        and sought.interest = cast(topic_people.topic_id as {{ dbt.type_string() }}) || coalesce(': ' || topics.label, '')

    union all

    select
        platform,
        'interest' as interest_kind,
        goal as interest,
        people,
        communities_n,
        largest_share,
        largest_share_low,
        has_like as is_left_out
    from interests

)

select
    platform,
    interest_kind,
    interest,
    cast(people as bigint) as people,
    cast(communities_n as bigint) as communities_n,
    cast(largest_share as double) as largest_share,
    largest_share_low
from voiced
where people >= {{ var('niche_min_people') }} and not is_left_out
    and coalesce(largest_share, 0) < {{ var('niche_home_share') }}
