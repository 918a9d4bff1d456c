{{ config(
    materialized='incremental',
    pre_hook=["{{ delete_affected_weeks() }}", "{{ delete_affected_months() }}"],
) }}

{% set key = 'period, platform, community, period_start_date' %}
{% set thread_columns = 'is_begun, is_by_contributor, comments, comments_by_others, contributors, first_response_h, '
    ~ 'watched_h, max_depth, depth_sum, placed_comments, h_index' %}

with

contributions as (
    {{ contributions_of_periods(
        ref('int_contributions_latest'),
        ref('int_contributions_at_month_end'),
        ['platform', 'community', 'kind', 'author_role', 'is_removed', 'score', 'award_count', 'reaction_count',
         'reply_count', 'created_at', 'last_observed_at', 'is_repeat'],
    ) }}

),

people as (

    select * from {{ ref('int_contributor_periods') }} where {{ is_any_period_affected() }}

),

threads_in_communities as (

    select * from {{ ref('int_thread_periods') }} where {{ is_any_period_affected() }}

),

-- What totals over communities count, and what stands there for another community's as well, apart.
counted_apart as (

    select
        {{ key }},
        {{ is_counted_once() }} as is_counted_once,
        sum(case when kind = 'post' then 1 else 0 end) as posts,
        sum(case when kind = 'comment' then 1 else 0 end) as comments,
        sum(case when kind = 'message' then 1 else 0 end) as messages,
        sum(case when author_role = 'bot' then 1 else 0 end) as bot_contributions,
        sum(case when is_removed then 1 else 0 end) as removed,
        sum(score) as score_sum,
        count(score) as score_observed_n,
        sum(award_count) as award_count_sum,
        count(award_count) as award_count_observed_n,
        sum(reaction_count) as reaction_count_sum,
        count(reaction_count) as reaction_count_observed_n
    from contributions
    group by {{ key }}, {{ is_counted_once() }}

),

-- A month also has a row of all communities together, where what stands in two counts once; people and threads are
-- looked at again.
totals as (

    {%- for platform, community in [('platform', 'community'), ("'*'", "'*'")] %}
    select
        period,
        {{ platform }} as platform,
        {{ community }} as community,
        period_start_date,
        sum(posts) as posts,
        sum(comments) as comments,
        sum(messages) as messages,
        sum(bot_contributions) as bot_contributions,
        sum(removed) as removed,
        sum(score_sum) as score_sum,
        sum(score_observed_n) as score_observed_n,
        sum(award_count_sum) as award_count_sum,
        sum(award_count_observed_n) as award_count_observed_n,
        sum(reaction_count_sum) as reaction_count_sum,
        sum(reaction_count_observed_n) as reaction_count_observed_n
    from counted_apart
    {%- if loop.last %}
    where period = 'month' and is_counted_once
    group by period, period_start_date
    {%- else %}
    group by {{ key }}
    union all
    {%- endif %}
    {%- endfor %}

),

-- Replies as the platform counts them: known of posts even where nobody read their comments.
platform_counts as (

    select {{ key }}, reply_count, created_at, last_observed_at
    from contributions
    where kind = 'post' and reply_count is not null
    union all
    select
        period,
        '*' as platform,
        '*' as community,
        period_start_date,
        reply_count,
        created_at,
        last_observed_at
    from contributions
    where kind = 'post' and reply_count is not null and period = 'month' and {{ is_counted_once() }}

),

platform_replies as (

    select
        {{ key }},
        sum(reply_count) as platform_replies,
        count(*) as platform_replies_observed_n,
        {{ median_reply_age_h() }} as platform_replies_age_h
    from platform_counts
    group by {{ key }}

),

-- What a person earned: the visible scores of what they wrote, and the comments by others under their posts.
contributors as (

    select
        {{ key }},
        count(*) as contributors,
        sum(active_days) as active_days_sum,
        sum(active_days * active_days) as active_days_squares,
        sum(active_weeks) as active_weeks_sum,
        sum(coalesce(score_sum, 0) + replies_received) as engagement_sum,
        sum(
            cast(coalesce(score_sum, 0) + replies_received as decimal(19, 0))
            * cast(coalesce(score_sum, 0) + replies_received as decimal(19, 0))
        ) as engagement_squares
    from people
    group by {{ key }}

),

threads as (

    select {{ key }}, {{ thread_columns }} from threads_in_communities
    union all
    select period, '*' as platform, '*' as community, period_start_date, {{ thread_columns }}
    from threads_in_communities
    where period = 'month' and {{ is_counted_once() }}

),

conversations as (

    select
        {{ key }},
        sum(case when comments_by_others > 0 then 1 else 0 end) as conversations
    from threads
    group by {{ key }}

),

-- Threads of the posts that were written in the period while its comments were looked at, with what hung from them at
-- its end.
begun as (

    select * from threads where is_begun and watched_h is not null

),

shapes as (

    select
        {{ key }},
        count(*) as threads_n,
        percentile_cont(0.5) within group (order by comments) as median_comments_per_post,
        percentile_cont(0.5) within group (order by contributors) as median_breadth,
        max(max_depth) as max_depth,
        sum(depth_sum) as depth_sum,
        sum(placed_comments) as placed_comments_n,
        max(h_index) as discussion_h_index_max,
        sum(h_index) as h_index_sum
    from begun
    group by {{ key }}

),

waits as (

    select
        {{ key }},
        first_response_h,
        watched_h,
        coalesce(first_response_h, watched_h) as wait_h
    from begun
    where is_by_contributor

),

{{ response_figures(key.split(', ')) }}

select
    totals.period,
    totals.platform,
    totals.community,
    totals.period_start_date,
    cast(totals.posts as bigint) as posts,
    cast(totals.comments as bigint) as comments,
    cast(totals.messages as bigint) as messages,
    cast(coalesce(contributors.contributors, 0) as bigint) as contributors,
    cast(coalesce(contributors.active_days_sum, 0) as bigint) as active_days_sum,
    cast(coalesce(contributors.active_days_squares, 0) as bigint) as active_days_squares,
    cast(coalesce(contributors.active_weeks_sum, 0) as bigint) as active_weeks_sum,
    cast(coalesce(conversations.conversations, 0) as bigint) as conversations,
    cast(coalesce(shapes.threads_n, 0) as bigint) as threads_n,
    case when {{ is_enough('shapes.threads_n') }} then shapes.median_comments_per_post end as median_comments_per_post,
    case when {{ is_enough('shapes.threads_n') }} then shapes.median_breadth end as median_breadth,
    cast(shapes.max_depth as bigint) as max_depth,
    case
        when {{ is_enough('shapes.placed_comments_n') }} then {{ share('shapes.depth_sum', 'shapes.placed_comments_n') }}
    end as mean_depth,
    cast(coalesce(shapes.placed_comments_n, 0) as bigint) as mean_depth_n,
    cast(shapes.discussion_h_index_max as bigint) as discussion_h_index_max,
    case
        when {{ is_enough('shapes.threads_n') }} then {{ share('shapes.h_index_sum', 'shapes.threads_n') }}
    end as discussion_h_index_mean,
    {{ response_columns() | trim }},
    cast(totals.score_sum as bigint) as score_sum,
    cast(totals.score_observed_n as bigint) as score_observed_n,
    cast(totals.award_count_sum as bigint) as award_count_sum,
    cast(totals.award_count_observed_n as bigint) as award_count_observed_n,
    cast(totals.reaction_count_sum as bigint) as reaction_count_sum,
    cast(totals.reaction_count_observed_n as bigint) as reaction_count_observed_n,
    {%- set mean = share('contributors.engagement_sum', 'contributors.contributors') %}
    {%- set n = 'contributors.contributors' %}
    {%- set sd = sd_of_sums('contributors.engagement_sum', 'contributors.engagement_squares', n) %}
    {%- set is_told = is_enough(n) ~ ' and totals.score_observed_n > 0' %}
    case when {{ is_told }} then {{ mean }} end as engagement_per_contributor,
    case when {{ is_told }} then {{ mean_low(mean, sd, n) }} end as engagement_per_contributor_low,
    case when {{ is_told }} then {{ mean_high(mean, sd, n) }} end as engagement_per_contributor_high,
    {{ share('totals.bot_contributions', '(totals.posts + totals.comments + totals.messages)') }} as bot_share,
    cast(totals.removed as bigint) as removed,
    cast(platform_replies.platform_replies as bigint) as platform_replies,
    cast(coalesce(platform_replies.platform_replies_observed_n, 0) as bigint) as platform_replies_observed_n,
    platform_replies.platform_replies_age_h
from totals
{%- for other in ['contributors', 'conversations', 'shapes', 'answers', 'quantiles', 'platform_replies'] %}
left join {{ other }}
    on totals.period = {{ other }}.period
    and totals.platform = {{ other }}.platform
    and totals.community = {{ other }}.community
    and totals.period_start_date = {{ other }}.period_start_date
{%- endfor %}
