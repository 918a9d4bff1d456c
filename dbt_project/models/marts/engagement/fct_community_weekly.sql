{% set kinds_not_read = kind_caveats('days_{}_known_n') %}

with

periods as (

    select * from {{ ref('int_community_periods') }} where period = 'week'

),

chats as (

    select * from {{ ref('int_chat_periods') }} where period = 'week'

),

days as (

    select
        platform,
        community,
        contribution_date,
        {{ period_start('week', 'contribution_date') }} as week_start_date,
        {{ what_is_known_of_a_day() }}
    from {{ ref('fct_community_daily') }}

),

-- Who is new can only be told against days that were looked at: so many complete ones lie before.
histories as (

    select
        platform,
        community,
        week_start_date,
        coalesce(sum(count(case when is_day_complete then 1 end)) over (
            partition by platform, community order by week_start_date rows between unbounded preceding and 1 preceding
        ), 0) as history_days_n
    from days
    group by platform, community, week_start_date

),

spine as (

    select
        platform,
        community,
        week_start_date,
        cast({{ dbt.datediff('week_start_date', dbt.dateadd('week', 1, 'week_start_date'), 'day') }} as bigint) as days_n,
        {{ what_is_known_of_days() }}
    from days
    group by platform, community, week_start_date

),

newcomers as (

    {{ first_seen_contributors('week', ref('int_contributor_periods')) }}

),

members as (

    {{ members_at_the_edges('week', ref('fct_community_size_daily')) }}

),

joined as (

    select
        spine.*,
        case when spine.days_known_n > 0 then 0 end as nothing_seen,
        case when spine.days_known_n > 0 and not spine.is_without_authors then 0 end as nobody_seen,
        -- What is told of threads needs both of their kinds; what is told of all contributions, every kind there is.
        spine.days_posts_known_n > 0 and spine.days_comments_known_n > 0 as are_both_known,
        {{ are_all_kinds_known('spine.days_{}_known_n', of='spine.') }} as is_no_kind_missing,
        cast(coalesce(histories.history_days_n, 0) as bigint) as history_days_n,
        coalesce(histories.history_days_n, 0) < {{ var('left_censored_days') }} as is_left_censored,
        coalesce(newcomers.new_contributors, 0) as newcomers_n,
        members.members_start_n,
        members.members_end_n,
        {%- for column in community_period_columns() %}
        periods.{{ column }},
        {%- endfor %}
        {%- for column in chat_period_columns() %}
        chats.{{ column }},
        {%- endfor %}
        periods.active_days_sum,
        periods.active_days_squares,
        periods.active_weeks_sum
    from spine
    inner join histories
        on spine.platform = histories.platform
        and spine.community = histories.community
        and spine.week_start_date = histories.week_start_date
    left join periods
        on spine.platform = periods.platform
        and spine.community = periods.community
        and spine.week_start_date = periods.period_start_date
    left join chats
        on spine.platform = chats.platform
        and spine.community = chats.community
        and spine.week_start_date = chats.period_start_date
    left join newcomers
        on spine.platform = newcomers.platform
        and spine.community = newcomers.community
        and spine.week_start_date = newcomers.week_start_date
    left join members
        on spine.platform = members.platform
        and spine.community = members.community
        and spine.week_start_date = members.week_start_date

),

final as (

    select
        platform,
        community,
        week_start_date,
        {{ counted_where('days_posts_known_n > 0', ['posts', 'platform_replies_observed_n']) }},
        {{ counted_where('days_comments_known_n > 0', ['comments']) }},
        {{ counted_where('days_messages_known_n > 0', ['messages', 'chat_conversations']) }},
        {{ counted_where('is_no_kind_missing', ['removed']) }},
        {{ counted_where('are_both_known', ['threads_n', 'mean_depth_n']) }},
        -- Nothing is said of answers where only posts were read, nor where only comments were.
        {{ counted_where('are_both_known and not is_without_authors', [
            'conversations', 'responses_n', 'response_rate_1h_n', 'response_rate_24h_n',
        ]) }},
        {{ counted_where('days_messages_known_n > 0 and not is_without_authors', [
            'chat_conversations_answered', 'chat_responses_n', 'chat_response_rate_1h_n', 'chat_response_rate_24h_n',
        ]) }},
        cast(coalesce(score_observed_n, nothing_seen) as bigint) as score_observed_n,
        cast(coalesce(award_count_observed_n, nothing_seen) as bigint) as award_count_observed_n,
        cast(coalesce(reaction_count_observed_n, nothing_seen) as bigint) as reaction_count_observed_n,
        score_sum,
        award_count_sum,
        reaction_count_sum,
        cast(case when not is_without_authors then coalesce(contributors, nobody_seen) end as bigint) as contributors,
        cast(case when not is_without_authors then coalesce(active_days_sum, nobody_seen) end as double)
            / nullif(days_rated_n, 0) as contributors_per_day,
        {{ stickiness_with_bounds() }},
        {{ told_where('are_both_known', [
            'median_comments_per_post', 'max_depth', 'mean_depth', 'discussion_h_index_max', 'discussion_h_index_mean',
            'median_first_response_h', 'median_first_response_h_low', 'median_first_response_h_high',
            'p90_first_response_h', 'p90_first_response_h_low', 'p90_first_response_h_high',
            'response_rate_1h', 'response_rate_1h_low', 'response_rate_1h_high',
            'response_rate_24h', 'response_rate_24h_low', 'response_rate_24h_high',
        ]) }},
        {{ told_where('are_both_known and not is_without_authors', ['median_breadth']) }},
        {{ told_where('are_both_known', [
            'engagement_per_contributor', 'engagement_per_contributor_low', 'engagement_per_contributor_high',
        ]) }},
        {{ told_where('is_no_kind_missing', ['bot_share']) }},
        {{ told_where('days_messages_known_n > 0', [
            'chat_median_first_response_h', 'chat_median_first_response_h_low', 'chat_median_first_response_h_high',
            'chat_p90_first_response_h', 'chat_p90_first_response_h_low', 'chat_p90_first_response_h_high',
            'chat_response_rate_1h', 'chat_response_rate_1h_low', 'chat_response_rate_1h_high',
            'chat_response_rate_24h', 'chat_response_rate_24h_low', 'chat_response_rate_24h_high',
        ]) }},
        platform_replies,
        {{ share('platform_replies', 'platform_replies_observed_n') }} as platform_replies_per_post,
        platform_replies_age_h,
        cast(case
            when not is_left_censored and days_known_n > 0 and not is_without_authors then newcomers_n
        end as bigint) as new_contributors,
        cast(case
            when not is_left_censored and days_known_n > 0 and not is_without_authors
                then coalesce(contributors, 0) - newcomers_n
        end as bigint) as returning_contributors,
        history_days_n,
        members_start_n,
        members_end_n,
        {{ share('(members_end_n - members_start_n)', 'members_start_n') }} as member_growth,
        days_n,
        days_complete_n,
        days_known_n,
        days_posts_known_n,
        days_posts_complete_n,
        cast(days_posts_complete_n as double) / days_n as posts_completeness,
        days_comments_known_n,
        days_comments_complete_n,
        cast(days_comments_complete_n as double) / days_n as comments_completeness,
        days_messages_known_n,
        days_messages_complete_n,
        cast(days_messages_complete_n as double) / days_n as messages_completeness,
        has_threads,
        has_messages,
        days_silent_n,
        days_complete_n = days_n as is_period_complete,
        communities_arrived_share,
        authors_unobserved_n,
        {{ caveats(merged([kinds_not_read, caveats_of_a_period()])) }} as caveat
    from joined

)

select * from final
