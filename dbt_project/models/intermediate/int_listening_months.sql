with

communities as (

    select * from {{ ref('int_community_months') }}

),

arrived as (

    select
        {{ period_start('month', 'contribution_date') }} as month_start_date,
        count(distinct case when communities_arrived_share = 1 then contribution_date end) as days_complete_n
    from {{ ref('int_day_outcomes') }}
    group by {{ period_start('month', 'contribution_date') }}

),

people as (

    select
        platform,
        community,
        month_start_date,
        count(*) as contributors
    from {{ ref('int_contributor_months') }}
    group by platform, community, month_start_date

    union all

    select
        '*' as platform,
        '*' as community,
        month_start_date,
        count(*) as contributors
    from (
        select distinct platform, author_key, month_start_date from {{ ref('int_contributor_months') }}
    ) as persons
    group by month_start_date

),

months as (

    select
        platform,
        community,
        month_start_date,
        days_n,
        days_complete_n,
        days_known_n,
        days_posts_known_n,
        days_comments_known_n,
        days_messages_known_n,
        has_threads,
        has_messages,
        authors_unobserved_n,
        coalesce(is_without_authors, false) as is_without_authors,
        history_days_n
    from communities

    union all

    -- All communities together: a day is complete when every entry of the config arrived, and people are unknown only
    -- where no community shows any.
    select
        '*' as platform,
        '*' as community,
        communities.month_start_date,
        max(communities.days_n) as days_n,
        coalesce(max(arrived.days_complete_n), 0) as days_complete_n,
        cast(sum(communities.days_known_n) as bigint) as days_known_n,
        cast(sum(communities.days_posts_known_n) as bigint) as days_posts_known_n,
        cast(sum(communities.days_comments_known_n) as bigint) as days_comments_known_n,
        cast(sum(communities.days_messages_known_n) as bigint) as days_messages_known_n,
        max(case when communities.has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when communities.has_messages then 1 else 0 end) = 1 as has_messages,
        cast(sum(communities.authors_unobserved_n) as bigint) as authors_unobserved_n,
        min(case
            when communities.days_known_n > 0 and not coalesce(communities.is_without_authors, false) then 0 else 1
        end) = 1 and sum(communities.authors_unobserved_n) > 0 as is_without_authors,
        max(communities.history_days_n) as history_days_n
    from communities
    left join arrived on communities.month_start_date = arrived.month_start_date
    group by communities.month_start_date

)

select
    months.*,
    months.days_complete_n = months.days_n as is_period_complete,
    months.history_days_n < {{ var('left_censored_days') }} as is_left_censored,
    cast(case
        when months.days_known_n > 0 and not months.is_without_authors then coalesce(people.contributors, 0)
    end as bigint) as contributors
from months
left join people
    on months.platform = people.platform
    and months.community = people.community
    and months.month_start_date = people.month_start_date
