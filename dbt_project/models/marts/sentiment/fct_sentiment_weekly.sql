with

days as (

    select
        *,
        {{ period_start('week', 'contribution_date') }} as week_start_date
    from {{ ref('fct_sentiment_daily') }}

),

tried as (

    select
        *,
        {{ period_start('week', 'contribution_date') }} as week_start_date
    from {{ ref('fct_community_daily') }}

),

weeks as (

    select
        platform,
        community,
        week_start_date,
        cast(7 as bigint) as days_n,
        count(case when is_day_complete then 1 end) as days_complete_n,
        count(posts) as days_posts_known_n,
        count(comments) as days_comments_known_n,
        count(messages) as days_messages_known_n,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages,
        -- Zero is a claim: it needs a day that somebody looked at. Without one nothing can be said.
        case when count(coalesce(posts, comments, messages)) > 0 then 0 end as nothing_seen
    from tried
    group by platform, community, week_start_date

),

counted as (

    select
        platform,
        community,
        week_start_date,
        sum(contributions) as contributions,
        sum(scored_n) as scored_n,
        sum(negative_n) as negative_n,
        sum(neutral_n) as neutral_n,
        sum(positive_n) as positive_n,
        sum(cast(sentiment_score_sum as decimal(38, 12))) as sentiment_score_sum,
        sum(cast(sentiment_score_square_sum as decimal(38, 12))) as sentiment_score_square_sum
    from days
    group by platform, community, week_start_date

),

joined as (

    select
        weeks.platform,
        weeks.community,
        weeks.week_start_date,
        {% for count in sentiment_count_names() -%}
        cast(coalesce(counted.{{ count }}, weeks.nothing_seen) as bigint) as {{ count }},
        {% endfor -%}
        counted.sentiment_score_sum,
        counted.sentiment_score_square_sum,
        weeks.days_n,
        weeks.days_complete_n,
        weeks.days_posts_known_n,
        weeks.days_comments_known_n,
        weeks.days_messages_known_n,
        weeks.has_threads,
        weeks.has_messages,
        weeks.days_complete_n = weeks.days_n as is_period_complete
    from weeks
    left join counted
        on weeks.platform = counted.platform
        and weeks.community = counted.community
        and weeks.week_start_date = counted.week_start_date

)

select
    platform,
    community,
    week_start_date,
    {{ sentiment_figures() }},
    days_n,
    days_complete_n,
    is_period_complete,
    {{ sentiment_caveat('is_period_complete', kind_caveats('days_{}_known_n')) }} as caveat
from joined
