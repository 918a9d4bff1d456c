{% set counted = ['contributions', 'posts', 'comments', 'messages', 'contributors'] %}
{% set kinds_not_read = {
    'comments_not_read': 'is_comments_missing',
    'posts_not_read': 'is_posts_missing',
    'messages_not_read': 'is_messages_missing',
} %}

with

periods as (

    select * from {{ ref('int_community_periods') }} where period = 'month'

),

chats as (

    select * from {{ ref('int_chat_periods') }} where period = 'month'

),

days_in_communities as (

    select
        platform,
        community,
        contribution_date,
        {{ period_start('month', 'contribution_date') }} as month_start_date,
        {{ what_is_known_of_a_day() }}
    from {{ ref('fct_community_daily') }}

),

days as (

    select
        platform,
        community,
        contribution_date,
        month_start_date,
        is_day_known,
        are_posts_known,
        are_comments_known,
        are_messages_known,
        is_day_complete,
        is_posts_complete,
        is_comments_complete,
        is_messages_complete,
        has_threads,
        has_messages,
        is_silent,
        is_never_seen,
        contributions,
        authors_unobserved_n,
        communities_arrived_share
    from days_in_communities
    union all
    select
        '*' as platform,
        '*' as community,
        contribution_date,
        month_start_date,
        max(case when is_day_known then 1 else 0 end) = 1 as is_day_known,
        max(case when are_posts_known then 1 else 0 end) = 1 as are_posts_known,
        max(case when are_comments_known then 1 else 0 end) = 1 as are_comments_known,
        max(case when are_messages_known then 1 else 0 end) = 1 as are_messages_known,
        min(case when is_day_complete then 1 else 0 end) = 1 as is_day_complete,
        -- A chat has no posts to be complete, and a community without chat no messages.
        min(case when is_posts_complete or not has_threads and has_messages then 1 else 0 end) = 1
            and max(case when has_threads or not has_messages then 1 else 0 end) = 1 as is_posts_complete,
        min(case when is_comments_complete or not has_threads and has_messages then 1 else 0 end) = 1
            and max(case when has_threads or not has_messages then 1 else 0 end) = 1 as is_comments_complete,
        min(case when is_messages_complete or not has_messages then 1 else 0 end) = 1
            and max(case when has_messages then 1 else 0 end) = 1 as is_messages_complete,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages,
        -- Silent are all of them or, where others spoke, none.
        min(case when is_silent or not is_day_known then 1 else 0 end) = 1
            and max(case when is_silent then 1 else 0 end) = 1 as is_silent,
        false as is_never_seen,
        sum(contributions) as contributions,
        sum(authors_unobserved_n) as authors_unobserved_n,
        max(communities_arrived_share) as communities_arrived_share
    from days_in_communities
    where not is_never_seen
    group by contribution_date, month_start_date

),

-- Who is new can only be told against days that were looked at: so many complete ones lie before.
histories_in_communities as (

    select
        platform,
        community,
        month_start_date,
        sum(contributions) as contributions,
        coalesce(sum(count(case when is_day_complete then 1 end)) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and 1 preceding
        ), 0) as history_days_n
    from days_in_communities
    group by platform, community, month_start_date

),

histories as (

    select
        platform,
        community,
        month_start_date,
        history_days_n
    from histories_in_communities
    union all
    -- All together have the history of that community, of those in which one contribution of twenty or more was written,
    -- that has least: one that came late brings people who are new to us alone.
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        min(case when 20 * contributions >= contributions_of_all then history_days_n end) as history_days_n
    from (
        select
            *,
            sum(contributions) over (partition by month_start_date) as contributions_of_all
        from histories_in_communities
    ) as beside_all
    group by month_start_date

),

spine as (

    select
        platform,
        community,
        month_start_date,
        cast({{ dbt.datediff('month_start_date', dbt.dateadd('month', 1, 'month_start_date'), 'day') }} as bigint) as days_n,
        {{ what_is_known_of_days() }}
    from days
    group by platform, community, month_start_date

),

-- Kinds that were read of no day of the month, while another was; of all together: in any of them.
kinds_known as (

    select
        platform,
        community,
        month_start_date,
        max(case when are_posts_known then 1 else 0 end) as are_posts_known,
        max(case when are_comments_known then 1 else 0 end) as are_comments_known,
        max(case when are_messages_known then 1 else 0 end) as are_messages_known,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages
    from days_in_communities
    group by platform, community, month_start_date

),

kinds_missing as (

    {%- for platform, community in [('platform', 'community'), ("'*'", "'*'")] %}
    select
        {{ platform }} as platform,
        {{ community }} as community,
        month_start_date,
        {%- for code, is_missing in kind_caveats('are_{}_known').items() %}
        max(case when {{ is_missing }} then 1 else 0 end) = 1 as is_{{ code | replace('_not_read', '') }}_missing
        {{- ',' if not loop.last }}
        {%- endfor %}
    from kinds_known
    group by {{ 'platform, community, ' if platform == 'platform' }}month_start_date
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

whole_weeks as (

    select
        platform,
        community,
        month_start_date,
        {{ period_start('week', 'contribution_date') }} as week_start_date
    from days
    where is_day_known and not is_silent
    group by platform, community, month_start_date, {{ period_start('week', 'contribution_date') }}

),

weeks_known as (

    select
        platform,
        community,
        month_start_date,
        count({{ is_whole_week("'month'", 'week_start_date', 'month_start_date') }}) as weeks_known_n
    from whole_weeks
    group by platform, community, month_start_date

),

newcomers as (

    {{ first_seen_contributors('month', ref('int_contributor_periods')) }}

),

members_in_communities as (

    {{ members_at_the_edges('month', ref('fct_community_size_daily')) }}

),

members as (

    select * from members_in_communities
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        cast(sum(members_start_n) as bigint) as members_start_n,
        cast(sum(members_end_n) as bigint) as members_end_n
    from members_in_communities
    where members_start_n is not null and members_end_n is not null
    group by month_start_date

),

joined as (

    select
        spine.*,
        coalesce(weeks_known.weeks_known_n, 0) as weeks_known_n,
        case when spine.days_known_n > 0 then 0 end as nothing_seen,
        case when spine.days_known_n > 0 and not spine.is_without_authors then 0 end as nobody_seen,
        -- What is told of threads needs both of their kinds; what is told of all contributions, every kind there is.
        spine.days_posts_known_n > 0 and spine.days_comments_known_n > 0 as are_both_known,
        {{ are_all_kinds_known('spine.days_{}_known_n', of='spine.') }}
            and not kinds_missing.is_comments_missing
            and not kinds_missing.is_posts_missing
            and not kinds_missing.is_messages_missing as is_no_kind_missing,
        kinds_missing.is_comments_missing,
        kinds_missing.is_posts_missing,
        kinds_missing.is_messages_missing,
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
        and spine.month_start_date = histories.month_start_date
    left join periods
        on spine.platform = periods.platform
        and spine.community = periods.community
        and spine.month_start_date = periods.period_start_date
    left join chats
        on spine.platform = chats.platform
        and spine.community = chats.community
        and spine.month_start_date = chats.period_start_date
    left join newcomers
        on spine.platform = newcomers.platform
        and spine.community = newcomers.community
        and spine.month_start_date = newcomers.month_start_date
    left join members
        on spine.platform = members.platform
        and spine.community = members.community
        and spine.month_start_date = members.month_start_date
    inner join kinds_missing
        on spine.platform = kinds_missing.platform
        and spine.community = kinds_missing.community
        and spine.month_start_date = kinds_missing.month_start_date
    left join weeks_known
        on spine.platform = weeks_known.platform
        and spine.community = weeks_known.community
        and spine.month_start_date = weeks_known.month_start_date

),

final as (

    select
        platform,
        community,
        month_start_date,
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
        cast(case when not is_without_authors then coalesce(active_weeks_sum, nobody_seen) end as double)
            / nullif(weeks_known_n, 0) as contributors_per_week,
        {{ stickiness_with_bounds() }},
        {{ told_where('are_both_known', [
            'median_comments_per_post', 'max_depth', 'mean_depth', 'discussion_h_index_max', 'discussion_h_index_mean',
            'median_first_response_h', 'median_first_response_h_low', 'median_first_response_h_high',
            'p90_first_response_h', 'p90_first_response_h_low', 'p90_first_response_h_high',
            'response_rate_1h', 'response_rate_1h_low', 'response_rate_1h_high',
            'response_rate_24h', 'response_rate_24h_low', 'response_rate_24h_high',
        ]) }},
        {{ told_where('are_both_known and not is_without_authors', ['median_breadth']) }},
        {{ told_where('are_both_known and is_no_kind_missing', [
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

),

count_changes as (

    select * from {{ ref('int_count_changes') }}

),

with_contributions as (

    select
        *,
        case
            when {{ are_all_kinds_known('days_{}_known_n') }} then {{ sum_of_kinds() }}
        end as contributions
    from final

)

select
    with_contributions.*,
    {%- for count in counted %}
    {{ count_low('with_contributions.' ~ count, count ~ '_changes.dispersion', count ~ '_changes.quantile') }}
        as {{ count }}_low,
    {{ count_high('with_contributions.' ~ count, count ~ '_changes.dispersion', count ~ '_changes.quantile') }}
        as {{ count }}_high,
    {%- for column in ['change', 'change_low', 'change_high', 'is_change_clear', 'change_share'] %}
    case when with_contributions.{{ count }} is not null then {{ count }}_changes.{{ column }} end
        as {{ count }}_{{ column }}{{ ',' if not (loop.last and count == counted[-1]) }}
    {%- endfor %}
    {%- endfor %}
from with_contributions
{%- for count in counted %}
left join count_changes as {{ count }}_changes
    on {{ count }}_changes.figure = '{{ count }}'
    and with_contributions.platform = {{ count }}_changes.platform
    and with_contributions.community = {{ count }}_changes.community
    and with_contributions.month_start_date = {{ count }}_changes.month_start_date
{%- endfor %}
