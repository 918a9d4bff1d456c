{# What weeks and months of communities share. A week is made of contributions as last observed, a month of them as last
   observed by its end. #}

{# Contributions of the periods to build, with the period that each belongs to: one week, and at most one month. What
   was written on a day that nobody looked at belongs to none. #}
{% macro contributions_of_periods(of_weeks, of_months, columns) -%}
    {%- for period, relation in (('week', of_weeks), ('month', of_months)) %}
    select
        '{{ period }}' as period,
        {{ period_start(period, 'contribution_date') }} as period_start_date,
        {{ columns | join(',\n        ') }}
    from {{ relation }}
    where {{ is_proven() }} and {{ is_period_affected(period, period_start(period, 'contribution_date')) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Pre-hooks of models that hold both. #}
{% macro delete_affected_weeks() -%}
    {{ delete_affected_periods('week', 'period_start_date', "period = 'week'") }}
{%- endmacro %}

{% macro delete_affected_months() -%}
    {{ delete_affected_periods('month', 'period_start_date', "period = 'month'") }}
{%- endmacro %}

{# Condition on rows of such a model. #}
{% macro is_any_period_affected() -%}
    (
        (period = 'week' and {{ is_period_affected('week', 'period_start_date') }})
        or (period = 'month' and {{ is_period_affected('month', 'period_start_date') }})
    )
{%- endmacro %}

{# 1 for a week that lies wholly in its month; weeks that reach over an edge would count some of their people only. NULL
   for others, and in weeks. #}
{% macro is_whole_week(period, week_start, month_start) -%}
    case
        when {{ period }} = 'month' and {{ week_start }} >= {{ month_start }}
            and cast({{ dbt.dateadd('day', 6, week_start) }} as date) <= {{ period_end('month', month_start) }} then 1
    end
{%- endmacro %}

{# Rows of fct_community_weekly or fct_community_monthly: the period's own figures, and what rests on more than the
   period: which of its days are known, who was there before, how the community grew. The first day is called
   week_start_date or month_start_date. Months also tell how sure their counts are and how they changed: `count_changes`. #}
{% macro community_periods(period, periods, contributor_periods, chat_periods, days, sizes, count_changes=none) -%}
{%- set start = period ~ '_start_date' -%}
with

periods as (

    select * from {{ periods }} where period = '{{ period }}'

),

people as (

    select * from {{ contributor_periods }} where period = '{{ period }}'

),

chats as (

    select * from {{ chat_periods }} where period = '{{ period }}'

),

-- A kind is known on a day when some of it was looked at; a day, when any kind is. Messages are of communities with chat.
days_in_communities as (

    select
        platform,
        community,
        contribution_date,
        {{ period_start(period, 'contribution_date') }} as {{ start }},
        posts is not null or comments is not null or messages is not null as is_day_known,
        posts is not null as are_posts_known,
        comments is not null as are_comments_known,
        messages is not null as are_messages_known,
        is_day_complete,
        is_posts_complete,
        is_comments_complete,
        coalesce(is_messages_complete, false) as is_messages_complete,
        coalesce(has_threads, false) as has_threads,
        coalesce(has_messages, false) as has_messages,
        coalesce(is_silent_everywhere, false) as is_silent,
        coalesce(is_never_seen, false) as is_never_seen,
        communities_arrived_share,
        {{ sum_of_kinds() }} as contributions,
        authors_unobserved_n
    from {{ days }}

),

days as (

    select
        platform,
        community,
        contribution_date,
        {{ start }},
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
    {%- if period == 'month' %}
    union all
    select
        '*' as platform,
        '*' as community,
        contribution_date,
        {{ start }},
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
    group by contribution_date, {{ start }}
    {%- endif %}

),

-- Who is new can only be told against days that were looked at: so many complete ones lie before.
histories_in_communities as (

    select
        platform,
        community,
        {{ start }},
        sum(contributions) as contributions,
        coalesce(sum(count(case when is_day_complete then 1 end)) over (
            partition by platform, community order by {{ start }} rows between unbounded preceding and 1 preceding
        ), 0) as history_days_n
    from days_in_communities
    group by platform, community, {{ start }}

),

histories as (

    select
        platform,
        community,
        {{ start }},
        history_days_n
    from histories_in_communities
    {%- if period == 'month' %}
    union all
    -- All together have the history of that community, of those in which one contribution of twenty or more was written,
    -- that has least: one that came late brings people who are new to us alone.
    select
        '*' as platform,
        '*' as community,
        {{ start }},
        min(case when 20 * contributions >= contributions_of_all then history_days_n end) as history_days_n
    from (
        select
            *,
            sum(contributions) over (partition by {{ start }}) as contributions_of_all
        from histories_in_communities
    ) as beside_all
    group by {{ start }}
    {%- endif %}

),

spine as (

    select
        platform,
        community,
        {{ start }},
        cast({{ dbt.datediff(start, dbt.dateadd(period, 1, start), 'day') }} as bigint) as days_n,
        count(case when is_day_complete then 1 end) as days_complete_n,
        count(case when is_day_known then 1 end) as days_known_n,
        count(case when are_posts_known then 1 end) as days_posts_known_n,
        count(case when are_comments_known then 1 end) as days_comments_known_n,
        count(case when are_messages_known then 1 end) as days_messages_known_n,
        count(case when is_posts_complete then 1 end) as days_posts_complete_n,
        count(case when is_comments_complete then 1 end) as days_comments_complete_n,
        count(case when is_messages_complete then 1 end) as days_messages_complete_n,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages,
        count(case when is_silent then 1 end) as days_silent_n,
        count(case when is_day_known and not is_silent then 1 end) as days_rated_n,
        min(case when is_never_seen then 1 else 0 end) = 1 as is_never_seen,
        cast(coalesce(sum(authors_unobserved_n), 0) as bigint) as authors_unobserved_n,
        {{ is_without_authors('sum(authors_unobserved_n)', 'sum(contributions)') }} as is_without_authors,
        -- Exact, so that the order of rows cannot show in the last digit.
        cast(sum(cast(communities_arrived_share as decimal(18, 9))) as double)
            / nullif(count(communities_arrived_share), 0) as communities_arrived_share
    from days
    group by platform, community, {{ start }}

),
{%- if period == 'month' %}

-- Kinds that were read of no day of the month, while another was; of all together: in any of them.
kinds_known as (

    select
        platform,
        community,
        {{ start }},
        max(case when are_posts_known then 1 else 0 end) as are_posts_known,
        max(case when are_comments_known then 1 else 0 end) as are_comments_known,
        max(case when are_messages_known then 1 else 0 end) as are_messages_known,
        max(case when has_threads then 1 else 0 end) = 1 as has_threads,
        max(case when has_messages then 1 else 0 end) = 1 as has_messages
    from days_in_communities
    group by platform, community, {{ start }}

),

kinds_missing as (

    {%- for platform, community in [('platform', 'community'), ("'*'", "'*'")] %}
    select
        {{ platform }} as platform,
        {{ community }} as community,
        {{ start }},
        {%- for code, is_missing in kind_caveats('are_{}_known').items() %}
        max(case when {{ is_missing }} then 1 else 0 end) = 1 as is_{{ code | replace('_not_read', '') }}_missing
        {{- ',' if not loop.last }}
        {%- endfor %}
    from kinds_known
    group by {{ 'platform, community, ' if platform == 'platform' }}{{ start }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

whole_weeks as (

    select
        platform,
        community,
        {{ start }},
        {{ period_start('week', 'contribution_date') }} as week_start_date
    from days
    where is_day_known and not is_silent
    group by platform, community, {{ start }}, {{ period_start('week', 'contribution_date') }}

),

weeks_known as (

    select
        platform,
        community,
        {{ start }},
        count({{ is_whole_week("'month'", 'week_start_date', start) }}) as weeks_known_n
    from whole_weeks
    group by platform, community, {{ start }}

),
{%- endif %}

first_periods as (

    select
        platform,
        community,
        author_key,
        min(period_start_date) as {{ start }}
    from people
    group by platform, community, author_key

),

newcomers as (

    select
        platform,
        community,
        {{ start }},
        count(*) as new_contributors
    from first_periods
    group by platform, community, {{ start }}

),

-- Members as seen nearest to the edges of the period, within three days of them.
sizes as (

    select
        platform,
        community,
        {{ period_start(period, 'observation_date') }} as {{ start }},
        observation_date,
        members_n
    from {{ sizes }}
    where members_n is not null

),

edges as (

    select
        platform,
        community,
        {{ start }},
        min(case when observation_date <= {{ dbt.dateadd('day', 2, start) }} then observation_date end) as first_date,
        max(case
            when observation_date >= {{ dbt.dateadd('day', -2, period_end(period, start)) }} then observation_date
        end) as last_date
    from sizes
    group by platform, community, {{ start }}

),

members_in_communities as (

    select
        sizes.platform,
        sizes.community,
        sizes.{{ start }},
        max(case when sizes.observation_date = edges.first_date then sizes.members_n end) as members_start_n,
        max(case when sizes.observation_date = edges.last_date then sizes.members_n end) as members_end_n
    from sizes
    inner join edges
        on sizes.platform = edges.platform
        and sizes.community = edges.community
        and sizes.{{ start }} = edges.{{ start }}
    group by sizes.platform, sizes.community, sizes.{{ start }}

),

members as (

    select * from members_in_communities
    {%- if period == 'month' %}
    union all
    select
        '*' as platform,
        '*' as community,
        {{ start }},
        cast(sum(members_start_n) as bigint) as members_start_n,
        cast(sum(members_end_n) as bigint) as members_end_n
    from members_in_communities
    where members_start_n is not null and members_end_n is not null
    group by {{ start }}
    {%- endif %}

),

joined as (

    select
        spine.*,
        {%- if period == 'month' %}
        coalesce(weeks_known.weeks_known_n, 0) as weeks_known_n,
        {%- endif %}
        case when spine.days_known_n > 0 then 0 end as nothing_seen,
        case when spine.days_known_n > 0 and not spine.is_without_authors then 0 end as nobody_seen,
        -- What is told of threads needs both of their kinds; what is told of all contributions, every kind there is.
        spine.days_posts_known_n > 0 and spine.days_comments_known_n > 0 as are_both_known,
        {%- if period == 'month' %}
        {{ are_all_kinds_known('spine.days_{}_known_n', of='spine.') }}
            and not kinds_missing.is_comments_missing
            and not kinds_missing.is_posts_missing
            and not kinds_missing.is_messages_missing as is_no_kind_missing,
        kinds_missing.is_comments_missing,
        kinds_missing.is_posts_missing,
        kinds_missing.is_messages_missing,
        {%- else %}
        {{ are_all_kinds_known('spine.days_{}_known_n', of='spine.') }} as is_no_kind_missing,
        {%- endif %}
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
        and spine.{{ start }} = histories.{{ start }}
    left join periods
        on spine.platform = periods.platform
        and spine.community = periods.community
        and spine.{{ start }} = periods.period_start_date
    left join chats
        on spine.platform = chats.platform
        and spine.community = chats.community
        and spine.{{ start }} = chats.period_start_date
    left join newcomers
        on spine.platform = newcomers.platform
        and spine.community = newcomers.community
        and spine.{{ start }} = newcomers.{{ start }}
    left join members
        on spine.platform = members.platform
        and spine.community = members.community
        and spine.{{ start }} = members.{{ start }}
    {%- if period == 'month' %}
    inner join kinds_missing
        on spine.platform = kinds_missing.platform
        and spine.community = kinds_missing.community
        and spine.{{ start }} = kinds_missing.{{ start }}
    left join weeks_known
        on spine.platform = weeks_known.platform
        and spine.community = weeks_known.community
        and spine.{{ start }} = weeks_known.{{ start }}
    {%- endif %}

),

{%- set active = share('active_days_sum', 'contributors') %}
{%- set sd = sd_of_sums('active_days_sum', 'active_days_squares', 'contributors') %}

final as (

    select
        platform,
        community,
        {{ start }},
        cast(case when days_posts_known_n > 0 then coalesce(posts, 0) end as bigint) as posts,
        cast(case when days_comments_known_n > 0 then coalesce(comments, 0) end as bigint) as comments,
        cast(case when days_messages_known_n > 0 then coalesce(messages, 0) end as bigint) as messages,
        cast(case when not is_without_authors then coalesce(contributors, nobody_seen) end as bigint) as contributors,
        {%- for column in ['score_observed_n', 'award_count_observed_n', 'reaction_count_observed_n'] %}
        cast(coalesce({{ column }}, nothing_seen) as bigint) as {{ column }},
        {%- endfor %}
        {#- Nothing is said of answers where only posts were read, nor where only comments were. -#}
        {%- for column in ['conversations', 'responses_n', 'response_rate_1h_n', 'response_rate_24h_n'] %}
        cast(case
            when are_both_known and not is_without_authors then coalesce({{ column }}, 0)
        end as bigint) as {{ column }},
        {%- endfor %}
        {%- for column in ['threads_n', 'mean_depth_n'] %}
        cast(case when are_both_known then coalesce({{ column }}, 0) end as bigint) as {{ column }},
        {%- endfor %}
        cast(case when is_no_kind_missing then coalesce(removed, 0) end as bigint) as removed,
        cast(case when not is_without_authors then coalesce(active_days_sum, nobody_seen) end as double)
            / nullif(days_rated_n, 0) as contributors_per_day,
        {%- if period == 'month' %}
        cast(case when not is_without_authors then coalesce(active_weeks_sum, nobody_seen) end as double)
            / nullif(weeks_known_n, 0) as contributors_per_week,
        {%- endif %}
        case when {{ is_enough('contributors') }} then {{ active }} / nullif(days_rated_n, 0) end as stickiness,
        case
            when {{ is_enough('contributors') }}
                then greatest(0.0, ({{ mean_low(active, sd, 'contributors') }}) / nullif(days_rated_n, 0))
        end as stickiness_low,
        case
            when {{ is_enough('contributors') }}
                then least(1.0, ({{ mean_high(active, sd, 'contributors') }}) / nullif(days_rated_n, 0))
        end as stickiness_high,
        {%- for column in ['score_sum', 'award_count_sum', 'reaction_count_sum'] %}
        {{ column }},
        {%- endfor %}
        {%- for column in community_period_columns() if column not in ['posts', 'comments', 'messages', 'contributors',
            'conversations', 'responses_n', 'response_rate_1h_n', 'response_rate_24h_n', 'threads_n', 'mean_depth_n',
            'removed', 'score_observed_n', 'award_count_observed_n', 'reaction_count_observed_n', 'score_sum',
            'award_count_sum', 'reaction_count_sum', 'platform_replies', 'platform_replies_observed_n',
            'platform_replies_age_h'] %}
        case
            when {{ 'is_no_kind_missing' if column == 'bot_share' else 'are_both_known' }}
                {%- if column == 'median_breadth' %}
                and not is_without_authors
                {%- endif %}
                {%- if period == 'month' and 'engagement' in column %}
                and is_no_kind_missing
                {%- endif %}
                then {{ column }}
        end as {{ column }},
        {%- endfor %}
        {%- for column in chat_period_columns() %}
        {%- if column == 'chat_conversations' %}
        cast(case when days_messages_known_n > 0 then coalesce({{ column }}, 0) end as bigint) as {{ column }},
        {%- elif column.endswith('_n') or column == 'chat_conversations_answered' %}
        cast(case
            when days_messages_known_n > 0 and not is_without_authors then coalesce({{ column }}, 0)
        end as bigint) as {{ column }},
        {%- else %}
        case when days_messages_known_n > 0 then {{ column }} end as {{ column }},
        {%- endif %}
        {%- endfor %}
        platform_replies,
        {{ share('platform_replies', 'platform_replies_observed_n') }} as platform_replies_per_post,
        cast(case when days_posts_known_n > 0 then coalesce(platform_replies_observed_n, 0) end as bigint) as platform_replies_observed_n,
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
        {%- if period == 'month' %}
        {%- set kinds_not_read = {
            'comments_not_read': 'is_comments_missing',
            'posts_not_read': 'is_posts_missing',
            'messages_not_read': 'is_messages_missing',
        } %}
        {%- else %}
        {%- set kinds_not_read = kind_caveats('days_{}_known_n') %}
        {%- endif %}
        {{ caveats(merged([kinds_not_read, {
            'authors_not_observed': 'authors_unobserved_n > 0',
            'incomplete': 'days_complete_n < days_n',
            'left_censored': 'is_left_censored',
            'never_seen': 'is_never_seen',
            'not_observable': 'score_observed_n = 0',
            'partly_observed': 'score_observed_n > 0 and score_observed_n < ' ~ sum_of_kinds(),
            'silent_everywhere': 'days_silent_n > 0',
            'small_n': 'not is_without_authors and (coalesce(contributors, 0) < ' ~ var('min_n') ~ ' or (not (has_messages and not has_threads) '
                ~ 'and coalesce(responses_n, 0) < ' ~ var('min_n') ~ ') '
                ~ 'or (days_messages_known_n > 0 and coalesce(chat_responses_n, 0) < ' ~ var('min_n') ~ '))',
        }])) }} as caveat
    from joined

){% if count_changes is not none %},

count_changes as (

    select * from {{ count_changes }}

),

{%- set counted = ['contributions', 'posts', 'comments', 'messages', 'contributors'] %}

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
    and with_contributions.{{ start }} = {{ count }}_changes.{{ start }}
{%- endfor %}
{%- else %}

select * from final
{%- endif %}
{%- endmacro %}

{# Figures of int_community_periods that both marts show as they are. #}
{% macro community_period_columns() -%}
    {{ return([
        'posts', 'comments', 'messages', 'contributors', 'conversations', 'threads_n', 'median_comments_per_post', 'median_breadth',
        'max_depth', 'mean_depth', 'mean_depth_n', 'discussion_h_index_max', 'discussion_h_index_mean', 'responses_n',
        'median_first_response_h', 'median_first_response_h_low', 'median_first_response_h_high',
        'p90_first_response_h', 'p90_first_response_h_low', 'p90_first_response_h_high',
        'response_rate_1h_n', 'response_rate_1h', 'response_rate_1h_low', 'response_rate_1h_high',
        'response_rate_24h_n', 'response_rate_24h', 'response_rate_24h_low', 'response_rate_24h_high',
        'score_sum', 'score_observed_n', 'award_count_sum', 'award_count_observed_n', 'reaction_count_sum',
        'reaction_count_observed_n', 'engagement_per_contributor', 'engagement_per_contributor_low',
        'engagement_per_contributor_high', 'bot_share', 'removed', 'platform_replies', 'platform_replies_observed_n',
        'platform_replies_age_h',
    ]) }}
{%- endmacro %}

{# Figures of int_chat_periods that both marts show as they are. #}
{% macro chat_period_columns() -%}
    {{ return([
        'chat_conversations', 'chat_conversations_answered', 'chat_responses_n',
        'chat_median_first_response_h', 'chat_median_first_response_h_low', 'chat_median_first_response_h_high',
        'chat_p90_first_response_h', 'chat_p90_first_response_h_low', 'chat_p90_first_response_h_high',
        'chat_response_rate_1h_n', 'chat_response_rate_1h', 'chat_response_rate_1h_low', 'chat_response_rate_1h_high',
        'chat_response_rate_24h_n', 'chat_response_rate_24h', 'chat_response_rate_24h_low', 'chat_response_rate_24h_high',
    ]) }}
{%- endmacro %}
