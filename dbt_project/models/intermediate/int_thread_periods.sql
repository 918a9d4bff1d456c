{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=["{{ delete_affected_weeks() }}", "{{ delete_affected_months() }}"],
) }}

with

contributions as (
    {{ contributions_of_periods(
        ref('int_contributions_latest'),
        ref('int_contributions_at_month_end'),
        ['platform', 'community', 'kind', 'thread_id', 'author_key', 'author_role', 'is_by_contributor', 'created_at',
         'contribution_date'],
    ) }}

),

-- Unanswered posts were watched to the end of the last day of which the platform has anything: later days of the period
-- are not over yet, or were not fetched.
reaches as (

    select
        period,
        period_start_date,
        platform,
        cast({{ dbt.dateadd('day', 1, 'max(contribution_date)') }} as date) as watched_until_date
    from contributions
    group by period, period_start_date, platform

),

-- All that one person wrote in a thread. Accounts that are gone are one nobody: beside a post whose author is still
-- there they are somebody else.
voices as (

    select
        period,
        period_start_date,
        platform,
        community,
        thread_id,
        author_key,
        max(case when kind = 'post' then 1 else 0 end) as wrote_post,
        max(case when kind = 'post' and is_by_contributor then 1 else 0 end) as posted_as_contributor,
        max(case when is_by_contributor then 1 else 0 end) as is_contributor,
        max(case when kind = 'post' then created_at end) as posted_at,
        sum(case when kind = 'comment' then 1 else 0 end) as comments,
        sum(case when kind = 'comment' and author_role <> 'bot' then 1 else 0 end) as comments_by_people,
        min(case when kind = 'comment' and author_role <> 'bot' then created_at end) as first_comment_by_people_at
    from contributions
    group by period, period_start_date, platform, community, thread_id, author_key

),

threads as (

    select
        period,
        period_start_date,
        platform,
        community,
        thread_id,
        max(wrote_post) = 1 as is_begun,
        max(posted_as_contributor) = 1 as is_by_contributor,
        max(case when posted_as_contributor = 1 then author_key end) as contributor_key,
        max(posted_at) as posted_at,
        cast(sum(comments) as bigint) as comments,
        cast(sum(case when wrote_post = 0 then comments_by_people else 0 end) as bigint) as comments_by_others,
        min(case when wrote_post = 0 then first_comment_by_people_at end) as first_response_at,
        cast(sum(is_contributor) as bigint) as contributors
    from voices
    group by period, period_start_date, platform, community, thread_id

),

-- A level counts where the whole chain up to it was written, and for a month also seen, in the period: what lies
-- outside must not move a figure of the period.
depths as (

    select * from {{ ref('int_comment_depths') }} where depth > 0

),

levels_of_periods as (

    {% for period in ('week', 'month') -%}
    {%- set start = period_start(period, 'contribution_date') -%}
    select
        '{{ period }}' as period,
        {{ start }} as period_start_date,
        platform,
        community,
        thread_id,
        depth,
        count(*) as comments
    from depths
    where {{ is_period_affected(period, start) }}
        and {{ period_start(period, 'chain_start_date') }} = {{ period_start(period, 'chain_end_date') }}
        {%- if period == 'month' %}
        and {{ period_start(period, 'chain_start_date') }} = {{ period_start(period, 'chain_seen_date') }}
        {%- endif %}
    group by {{ start }}, platform, community, thread_id, depth
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

levels as (

    select
        *,
        sum(comments) over (
            partition by period, period_start_date, platform, community, thread_id
            order by depth desc rows between unbounded preceding and current row
        ) as comments_so_deep
    from levels_of_periods

),

-- Levels run from 1 without a gap, so the largest of the smaller of both is the h-index.
shapes as (

    select
        period,
        period_start_date,
        platform,
        community,
        thread_id,
        max(depth) as max_depth,
        cast(sum(depth * comments) as bigint) as depth_sum,
        cast(sum(comments) as bigint) as placed_comments,
        cast(max(least(depth, comments_so_deep)) as bigint) as h_index
    from levels
    group by period, period_start_date, platform, community, thread_id

)

select
    threads.period,
    threads.platform,
    threads.community,
    threads.period_start_date,
    threads.thread_id,
    threads.is_begun,
    threads.is_by_contributor,
    threads.contributor_key,
    threads.comments,
    threads.comments_by_others,
    threads.contributors,
    {{ hours_between('threads.posted_at', 'greatest(threads.first_response_at, threads.posted_at)') }}
        * case when threads.first_response_at is not null then 1 end as first_response_h,
    {{ hours_between('threads.posted_at', utc_day_start('reaches.watched_until_date')) }} as watched_h,
    case when threads.is_begun then coalesce(shapes.max_depth, 0) end as max_depth,
    case when threads.is_begun then coalesce(shapes.depth_sum, 0) end as depth_sum,
    case when threads.is_begun then coalesce(shapes.placed_comments, 0) end as placed_comments,
    case when threads.is_begun then coalesce(shapes.h_index, 0) end as h_index
from threads
inner join reaches
    on threads.period = reaches.period
    and threads.period_start_date = reaches.period_start_date
    and threads.platform = reaches.platform
left join shapes
    on threads.period = shapes.period
    and threads.period_start_date = shapes.period_start_date
    and threads.platform = shapes.platform
    and threads.community = shapes.community
    and threads.thread_id = shapes.thread_id
