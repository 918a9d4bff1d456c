{{ config(
    materialized='incremental',
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

-- What was looked at of a community's comments in the period. Where it stops, the watch over the posts before it ends:
-- answers may have come that nobody saw. Neither other communities nor later periods prolong it.
stretches as (

    {% for period in ('week', 'month') -%}
    {%- set start = period_start(period, 'contribution_date') -%}
    select
        '{{ period }}' as period,
        {{ start }} as period_start_date,
        platform,
        community,
        looked_from,
        looked_to,
        proof_rank
    from {{ ref('int_coverage_stretches') }}
    where kind = 'comment' and {{ is_period_affected(period, start) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

watches as (

    {{ merged_stretches('stretches', ['period', 'period_start_date', 'platform', 'community']) }}

),

comments_read as (

    select distinct period, period_start_date, platform, community from watches

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
    where kind <> 'message'
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

    select * from {{ ref('int_comment_depths') }} where depth > 0 and {{ is_proven() }}

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

),

watched as (

    select
        threads.*,
        comments_read.period is not null as are_comments_read,
        watches.looked_to as watched_until_at,
        -- An answer seen after a gap need not be the first.
        case
            when threads.first_response_at < watches.looked_to
                then greatest(threads.first_response_at, threads.posted_at)
        end as watched_response_at
    from threads
    left join comments_read
        on threads.period = comments_read.period
        and threads.period_start_date = comments_read.period_start_date
        and threads.platform = comments_read.platform
        and threads.community = comments_read.community
    left join watches
        on threads.period = watches.period
        and threads.period_start_date = watches.period_start_date
        and threads.platform = watches.platform
        and threads.community = watches.community
        and threads.posted_at >= watches.looked_from
        and threads.posted_at < watches.looked_to

),

-- Of a thread that stands in two communities, totals over communities count the copy of which more was seen.
repeats as (

    select period, period_start_date, platform, community, thread_id
    from (
        select
            watched.period,
            watched.period_start_date,
            watched.platform,
            watched.community,
            watched.thread_id,
            row_number() over (
                partition by
                    watched.period,
                    watched.period_start_date,
                    watched.platform,
                    {{ id_scope('shared.ids_shared_within', 'watched.community') }},
                    watched.thread_id
                order by
                    case when watched.is_begun then 0 else 1 end,
                    case when watched.are_comments_read then watched.comments else -1 end desc,
                    watched.community
            ) as place
        from watched
        inner join {{ ref('stg_platforms') }} as shared
            on watched.platform = shared.platform
        where shared.ids_shared_within is not null
    ) as placed
    where place > 1

)

select
    watched.period,
    watched.platform,
    watched.community,
    watched.period_start_date,
    watched.thread_id,
    watched.is_begun,
    watched.is_by_contributor,
    watched.contributor_key,
    case when watched.are_comments_read then watched.comments end as comments,
    case when watched.are_comments_read then watched.comments_by_others end as comments_by_others,
    watched.contributors,
    {{ hours_between('watched.posted_at', 'watched.watched_response_at') }} as first_response_h,
    {{ hours_between('watched.posted_at', 'watched.watched_until_at') }} as watched_h,
    case when watched.is_begun and watched.are_comments_read then coalesce(shapes.max_depth, 0) end as max_depth,
    case when watched.is_begun and watched.are_comments_read then coalesce(shapes.depth_sum, 0) end as depth_sum,
    case
        when watched.is_begun and watched.are_comments_read then coalesce(shapes.placed_comments, 0)
    end as placed_comments,
    case when watched.is_begun and watched.are_comments_read then coalesce(shapes.h_index, 0) end as h_index,
    repeats.thread_id is not null as is_repeat
from watched
left join shapes
    on watched.period = shapes.period
    and watched.period_start_date = shapes.period_start_date
    and watched.platform = shapes.platform
    and watched.community = shapes.community
    and watched.thread_id = shapes.thread_id
left join repeats
    on watched.period = repeats.period
    and watched.period_start_date = repeats.period_start_date
    and watched.platform = repeats.platform
    and watched.community = repeats.community
    and watched.thread_id = repeats.thread_id
