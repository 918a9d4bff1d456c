with

days as (

    select * from {{ ref('int_community_days') }}

),

outcomes as (

    select * from {{ ref('int_day_outcomes') }}

),

new_contributors as (

    select
        platform,
        community,
        new_contributor_date as contribution_date,
        count(*) as new_contributors
    from {{ ref('dim_contributors') }}
    where is_contributor
    group by platform, community, new_contributor_date

),

joined as (

    select
        coalesce(days.platform, outcomes.platform) as platform,
        coalesce(days.community, outcomes.community) as community,
        coalesce(days.contribution_date, outcomes.contribution_date) as contribution_date,
        -- Zero is a claim: it needs a load that looked at the whole day. Without one nothing can be said.
        case when outcomes.is_complete then 0 end as nothing_seen,
        days.posts,
        days.comments,
        days.contributors,
        days.score_sum,
        days.score_observed_n,
        days.reply_count_sum,
        days.reply_count_observed_n,
        days.award_count_sum,
        days.award_count_observed_n,
        days.removed,
        outcomes.outcome,
        coalesce(outcomes.is_complete, false) as is_day_complete,
        outcomes.communities_arrived_share
    from days
    full outer join outcomes
        on days.platform = outcomes.platform
        and days.community = outcomes.community
        and days.contribution_date = outcomes.contribution_date

)

select
    joined.platform,
    joined.community,
    joined.contribution_date,
    cast(coalesce(joined.posts, joined.nothing_seen) as bigint) as posts,
    cast(coalesce(joined.comments, joined.nothing_seen) as bigint) as comments,
    cast(coalesce(joined.contributors, joined.nothing_seen) as bigint) as contributors,
    cast(case
        when joined.posts is null then joined.nothing_seen
        else coalesce(new_contributors.new_contributors, 0)
    end as bigint) as new_contributors,
    joined.score_sum,
    cast(coalesce(joined.score_observed_n, 0) as bigint) as score_observed_n,
    joined.reply_count_sum,
    cast(coalesce(joined.reply_count_observed_n, 0) as bigint) as reply_count_observed_n,
    joined.award_count_sum,
    cast(coalesce(joined.award_count_observed_n, 0) as bigint) as award_count_observed_n,
    cast(joined.comments as double) / nullif(joined.posts, 0) as discussion_rate,
    cast(coalesce(joined.removed, joined.nothing_seen) as bigint) as removed,
    cast(joined.removed as double) / nullif(joined.posts + joined.comments, 0) as removal_share,
    joined.outcome,
    joined.is_day_complete,
    joined.communities_arrived_share
from joined
left join new_contributors
    on joined.platform = new_contributors.platform
    and joined.community = new_contributors.community
    and joined.contribution_date = new_contributors.contribution_date
