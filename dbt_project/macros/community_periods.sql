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

{# What a day of fct_community_daily tells of how much was looked at. A kind is known when some of it was; a day, when any
   kind is. Messages are of communities with chat. #}
{% macro what_is_known_of_a_day() -%}
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
{%- endmacro %}

{# The same of the days of a week or month, which are grouped. #}
{% macro what_is_known_of_days() -%}
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
{%- endmacro %}

{# Subquery of the people of int_contributor_periods who are there for the first time, counted in their first period. #}
{% macro first_seen_contributors(period, people) -%}
    select
        platform,
        community,
        {{ period }}_start_date,
        count(*) as new_contributors
    from (
        select platform, community, author_key, min(period_start_date) as {{ period }}_start_date
        from {{ people }}
        where period = '{{ period }}'
        group by platform, community, author_key
    ) as first_periods
    group by platform, community, {{ period }}_start_date
{%- endmacro %}

{# Subquery of members as seen nearest to the edges of each week or month, within three days of them. #}
{% macro members_at_the_edges(period, sizes) -%}
    {%- set start = period ~ '_start_date' -%}
    select
        platform,
        community,
        {{ start }},
        max(case when observation_date = first_date then members_n end) as members_start_n,
        max(case when observation_date = last_date then members_n end) as members_end_n
    from (
        select
            *,
            min(case when observation_date <= {{ dbt.dateadd('day', 2, start) }} then observation_date end) over (
                partition by platform, community, {{ start }}
            ) as first_date,
            max(case
                when observation_date >= {{ dbt.dateadd('day', -2, period_end(period, start)) }} then observation_date
            end) over (partition by platform, community, {{ start }}) as last_date
        from (
            select
                platform,
                community,
                observation_date,
                members_n,
                {{ period_start(period, 'observation_date') }} as {{ start }}
            from {{ sizes }}
            where members_n is not null
        ) as dated
    ) as beside_edges
    group by platform, community, {{ start }}
{%- endmacro %}

{# Columns that are told as they are where the condition holds, and NULL elsewhere. #}
{% macro told_where(condition, columns) -%}
    {%- for column in columns %}
        {{- '        ' if not loop.first }}case when {{ condition }} then {{ column }} end as {{ column }}{{ ',\n' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The same for counts, which are 0 where the condition holds and there is nothing to count. #}
{% macro counted_where(condition, columns) -%}
    {%- for column in columns %}
        {{- '        ' if not loop.first }}cast(case when {{ condition }} then coalesce({{ column }}, 0) end as bigint) as {{ column }}
        {{- ',\n' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The share of the rated days on which a contributor wrote, mean over contributors, and its bounds: three columns. #}
{% macro stickiness_with_bounds() -%}
    {%- set active_days = share('active_days_sum', 'contributors') -%}
    {%- set sd = sd_of_sums('active_days_sum', 'active_days_squares', 'contributors') -%}
        case when {{ is_enough('contributors') }} then {{ active_days }} / nullif(days_rated_n, 0) end as stickiness,
        case
            when {{ is_enough('contributors') }}
                then greatest(0.0, ({{ mean_low(active_days, sd, 'contributors') }}) / nullif(days_rated_n, 0))
        end as stickiness_low,
        case
            when {{ is_enough('contributors') }}
                then least(1.0, ({{ mean_high(active_days, sd, 'contributors') }}) / nullif(days_rated_n, 0))
        end as stickiness_high
{%- endmacro %}

{# Caveats of both marts but for the kinds that were not read. #}
{% macro caveats_of_a_period() -%}
    {{ return({
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'days_complete_n < days_n',
        'left_censored': 'is_left_censored',
        'never_seen': 'is_never_seen',
        'not_observable': 'score_observed_n = 0',
        'partly_observed': 'score_observed_n > 0 and score_observed_n < ' ~ sum_of_kinds(),
        'silent_everywhere': 'days_silent_n > 0',
        'small_n': 'not is_without_authors and (coalesce(contributors, 0) < ' ~ var('min_n')
            ~ ' or (not (has_messages and not has_threads) and coalesce(responses_n, 0) < ' ~ var('min_n') ~ ') '
            ~ 'or (days_messages_known_n > 0 and coalesce(chat_responses_n, 0) < ' ~ var('min_n') ~ '))',
    }) }}
{%- endmacro %}

{# Figures of int_community_periods that both marts show. #}
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

{# Figures of int_chat_periods that both marts show. #}
{% macro chat_period_columns() -%}
    {{ return([
        'chat_conversations', 'chat_conversations_answered', 'chat_responses_n',
        'chat_median_first_response_h', 'chat_median_first_response_h_low', 'chat_median_first_response_h_high',
        'chat_p90_first_response_h', 'chat_p90_first_response_h_low', 'chat_p90_first_response_h_high',
        'chat_response_rate_1h_n', 'chat_response_rate_1h', 'chat_response_rate_1h_low', 'chat_response_rate_1h_high',
        'chat_response_rate_24h_n', 'chat_response_rate_24h', 'chat_response_rate_24h_low', 'chat_response_rate_24h_high',
    ]) }}
{%- endmacro %}
