with

contributions as (

    select * from {{ ref('fct_contributions') }} where {{ has_a_say() }} and is_looked_at

),

days as (

    select * from {{ ref('fct_community_daily') }}

),

counted as (

    select
        platform,
        community,
        contribution_date,
        {{ sentiment_counts() }},
        {{ sentiment_score_sums() }}
    from contributions
    group by platform, community, contribution_date

),

-- A table of its own each time: a day may become complete, or no longer be, without any contribution of it changing.
joined as (

    select
        counted.*,
        coalesce(days.is_day_complete, false) as is_day_complete,
        coalesce(days.posts_looked_h, 0.0) as posts_looked_h,
        coalesce(days.comments_looked_h, 0.0) as comments_looked_h,
        coalesce(days.messages_looked_h, 0.0) as messages_looked_h,
        coalesce(days.has_threads, false) as has_threads,
        coalesce(days.has_messages, false) as has_messages
    from counted
    left join days
        on counted.platform = days.platform
        and counted.community = days.community
        and counted.contribution_date = days.contribution_date

)

select
    platform,
    community,
    contribution_date,
    {{ sentiment_figures() }},
    cast(sentiment_score_sum as double) as sentiment_score_sum,
    cast(sentiment_score_square_sum as double) as sentiment_score_square_sum,
    is_day_complete,
    {{ sentiment_caveat('is_day_complete', kind_caveats('{}_looked_h')) }} as caveat
from joined
