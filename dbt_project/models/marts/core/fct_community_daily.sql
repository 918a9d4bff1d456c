with

days as (

    select * from {{ ref('int_community_days') }}

),

outcomes as (

    select * from {{ ref('int_day_outcomes') }}

),

without_authors as (

    select * from {{ ref('int_days_without_authors') }}

),

silent_days as (

    select distinct platform, community, contribution_date from {{ ref('int_silent_days') }}

),

new_contributors as (

    select
        platform,
        community,
        new_contributor_date as contribution_date,
        count(*) as new_contributors
    from {{ ref('int_contributors') }}
    where is_contributor
    group by platform, community, new_contributor_date

),

-- Who is new can only be told against days that were looked at.
histories as (

    select
        platform,
        community,
        contribution_date,
        coalesce(sum(case when is_complete then 1 else 0 end) over (
            partition by platform, community order by contribution_date rows between unbounded preceding and 1 preceding
        ), 0) as history_days_n
    from outcomes

),

history_ends as (

    select
        platform,
        community,
        min(contribution_date) as long_enough_date
    from histories
    where history_days_n >= {{ var('left_censored_days') }}
    group by platform, community

),

joined as (

    select
        coalesce(days.platform, outcomes.platform) as platform,
        coalesce(days.community, outcomes.community) as community,
        coalesce(days.contribution_date, outcomes.contribution_date) as contribution_date,
        -- Zero is a claim: it needs somebody who looked at the kind that day. Without one nothing can be said.
        case when outcomes.posts_looked_h > 0 then coalesce(days.posts, 0) end as posts,
        case when outcomes.comments_looked_h > 0 then coalesce(days.comments, 0) end as comments,
        case when outcomes.messages_looked_h > 0 then coalesce(days.messages, 0) end as messages,
        case
            when {{ is_without_authors('without_authors.authors_unobserved_n', sum_of_kinds('days.')) }} then null
            when {{ is_any_kind_known('outcomes.{}_looked_h') }} then coalesce(days.contributors, 0)
        end as contributors,
        case
            when {{ are_all_kinds_known('outcomes.{}_looked_h', of='outcomes.') }} then coalesce(days.removed, 0)
        end as removed,
        days.score_sum,
        coalesce(days.score_observed_n, 0) as score_observed_n,
        days.reply_count_sum,
        coalesce(days.reply_count_observed_n, 0) as reply_count_observed_n,
        days.award_count_sum,
        coalesce(days.award_count_observed_n, 0) as award_count_observed_n,
        days.platform_replies,
        coalesce(days.platform_replies_observed_n, 0) as platform_replies_observed_n,
        days.platform_replies_age_h,
        coalesce(days.unproven_n, 0) as unproven_n,
        coalesce(without_authors.authors_unobserved_n, 0) as authors_unobserved_n,
        outcomes.outcome,
        coalesce(outcomes.is_complete, false) as is_day_complete,
        coalesce(outcomes.is_posts_complete, false) as is_posts_complete,
        coalesce(outcomes.is_comments_complete, false) as is_comments_complete,
        coalesce(outcomes.is_messages_complete, false) as is_messages_complete,
        coalesce(outcomes.posts_looked_h, 0.0) as posts_looked_h,
        coalesce(outcomes.comments_looked_h, 0.0) as comments_looked_h,
        coalesce(outcomes.messages_looked_h, 0.0) as messages_looked_h,
        coalesce(outcomes.has_threads, false) as has_threads,
        coalesce(outcomes.has_messages, false) as has_messages,
        coalesce(outcomes.is_never_seen, false) as is_never_seen,
        outcomes.communities_arrived_share
    from days
    full outer join outcomes
        on days.platform = outcomes.platform
        and days.community = outcomes.community
        and days.contribution_date = outcomes.contribution_date
    left join without_authors
        on days.platform = without_authors.platform
        and days.community = without_authors.community
        and days.contribution_date = without_authors.contribution_date

)

select
    joined.platform,
    joined.community,
    joined.contribution_date,
    cast(joined.posts as bigint) as posts,
    cast(joined.comments as bigint) as comments,
    cast(joined.messages as bigint) as messages,
    cast(joined.contributors as bigint) as contributors,
    cast(case
        when history_ends.long_enough_date is null then null
        when joined.contribution_date < history_ends.long_enough_date then null
        when joined.contributors is not null then coalesce(new_contributors.new_contributors, 0)
    end as bigint) as new_contributors,
    joined.score_sum,
    cast(joined.score_observed_n as bigint) as score_observed_n,
    joined.reply_count_sum,
    cast(joined.reply_count_observed_n as bigint) as reply_count_observed_n,
    joined.award_count_sum,
    cast(joined.award_count_observed_n as bigint) as award_count_observed_n,
    cast(joined.comments as double) / nullif(joined.posts, 0) as discussion_rate,
    joined.platform_replies,
    {{ share('joined.platform_replies', 'joined.platform_replies_observed_n') }} as platform_replies_per_post,
    cast(joined.platform_replies_observed_n as bigint) as platform_replies_observed_n,
    joined.platform_replies_age_h,
    cast(joined.removed as bigint) as removed,
    cast(joined.removed as double) / nullif({{ sum_of_kinds('joined.') }}, 0) as removal_share,
    joined.outcome,
    joined.is_day_complete,
    joined.is_posts_complete,
    joined.is_comments_complete,
    joined.is_messages_complete,
    joined.posts_looked_h,
    joined.comments_looked_h,
    joined.messages_looked_h,
    joined.has_threads,
    joined.has_messages,
    joined.is_never_seen,
    silent_days.contribution_date is not null as is_silent_everywhere,
    cast(joined.unproven_n as bigint) as unproven_n,
    joined.authors_unobserved_n,
    joined.communities_arrived_share,
    {{ caveats(merged([
        kind_caveats('joined.{}_looked_h', of='joined.'),
        {
            'authors_not_observed': 'joined.authors_unobserved_n > 0',
            'incomplete': 'not joined.is_day_complete',
            'never_seen': 'joined.is_never_seen',
            'silent_everywhere': 'silent_days.contribution_date is not null',
        },
    ])) }} as caveat
from joined
left join new_contributors
    on joined.platform = new_contributors.platform
    and joined.community = new_contributors.community
    and joined.contribution_date = new_contributors.contribution_date
left join silent_days
    on joined.platform = silent_days.platform
    and joined.community = silent_days.community
    and joined.contribution_date = silent_days.contribution_date
left join history_ends
    on joined.platform = history_ends.platform
    and joined.community = history_ends.community
