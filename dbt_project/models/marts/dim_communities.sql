with

days as (

    select * from {{ ref('fct_community_daily') }}

),

contributors as (

    select
        platform,
        community,
        count(*) as contributors
    from {{ ref('dim_contributors') }}
    where is_contributor
    group by platform, community

),

summed as (

    select
        platform,
        community,
        min(case when posts + comments > 0 then contribution_date end) as first_contribution_date,
        max(case when posts + comments > 0 then contribution_date end) as last_contribution_date,
        cast(sum(posts) as bigint) as posts,
        cast(sum(comments) as bigint) as comments,
        count(*) as days_tried,
        count(case when is_day_complete then 1 end) as days_complete
    from days
    group by platform, community

)

select
    summed.platform,
    summed.community,
    summed.first_contribution_date,
    summed.last_contribution_date,
    summed.posts,
    summed.comments,
    cast(coalesce(contributors.contributors, 0) as bigint) as contributors,
    summed.days_tried,
    summed.days_complete
from summed
left join contributors
    on summed.platform = contributors.platform
    and summed.community = contributors.community
