with

counted as (

    select * from {{ ref('int_sentiment_months') }}

),

days as (

    select
        *,
        {{ period_start('month', 'contribution_date') }} as month_start_date
    from {{ ref('fct_community_daily') }}

),

months as (

    select
        platform,
        community,
        month_start_date,
        count(case when is_day_complete then 1 end) as days_complete_n,
        count(posts) as days_posts_known_n,
        count(comments) as days_comments_known_n,
        count(messages) as days_messages_known_n,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages,
        -- Zero is a claim: it needs a day that somebody looked at. Without one nothing can be said.
        case when count(coalesce(posts, comments, messages)) > 0 then 0 end as nothing_seen
    from days
    group by platform, community, month_start_date

    union all

    -- All communities together: a day is complete when every entry of the config arrived.
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        count(distinct case when communities_arrived_share = 1 then contribution_date end) as days_complete_n,
        count(posts) as days_posts_known_n,
        count(comments) as days_comments_known_n,
        count(messages) as days_messages_known_n,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages,
        case when count(coalesce(posts, comments, messages)) > 0 then 0 end as nothing_seen
    from days
    group by month_start_date

),

joined as (

    select
        months.platform,
        months.community,
        months.month_start_date,
        {% for count in sentiment_count_names() -%}
        cast(coalesce(counted.{{ count }}, months.nothing_seen) as bigint) as {{ count }},
        {% endfor -%}
        counted.sentiment_score_sum,
        counted.sentiment_score_square_sum,
        cast({{ dbt.datediff('months.month_start_date', dbt.dateadd('month', 1, 'months.month_start_date'), 'day') }}
            as bigint) as days_n,
        months.days_complete_n,
        months.days_posts_known_n,
        months.days_comments_known_n,
        months.days_messages_known_n,
        months.has_threads,
        months.has_messages
    from months
    left join counted
        on months.platform = counted.platform
        and months.community = counted.community
        and months.month_start_date = counted.month_start_date

),

flagged as (

    select
        *,
        days_complete_n = days_n as is_period_complete
    from joined

)

select
    platform,
    community,
    month_start_date,
    {{ sentiment_figures() }},
    days_n,
    days_complete_n,
    is_period_complete,
    {{ sentiment_caveat('is_period_complete', kind_caveats('days_{}_known_n')) }} as caveat
from flagged
