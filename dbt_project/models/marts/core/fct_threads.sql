{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_keys(ref('int_contributions_latest'), 'affected_threads', ['platform', 'community', 'thread_id']) }}",
    post_hook="{{ forget_affected_keys(ref('int_contributions_latest'), 'affected_threads') }}",
) }}

with

contributions as (

    select latest.*, unseen.source is not null as is_author_unobserved
    from {{ ref('int_contributions_latest') }} as latest
    left join {{ ref('int_sources_without_authors') }} as unseen
        on latest.platform = unseen.platform
        and latest.community = unseen.community
        and latest.source = unseen.source
    where latest.kind <> 'message'
    {%- if is_partial_build() %}
        and (latest.platform, latest.community, latest.thread_id) in (
            {{ affected_keys(ref('int_contributions_latest'), 'affected_threads', ['platform', 'community', 'thread_id']) }}
        )
    {%- endif %}

),

counted as (

    select
        platform,
        community,
        thread_id,
        -- The day of an orphan thread is that of the first comment seen: its post is not in raw.
        coalesce(
            max(case when kind = 'post' then contribution_date end), min(contribution_date)
        ) as contribution_date,
        max(case when kind = 'post' then 1 else 0 end) = 1 as is_root_present,
        max(case when kind = 'post' then created_at end) as posted_at,
        max(case when kind = 'post' then author_key end) as author_key,
        cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
        count(*) as contributions,
        case
            when not min(case when is_author_unobserved then 1 else 0 end) = 1
                then count(distinct case when is_by_contributor then author_key end)
        end as contributors,
        min(case when kind = 'comment' then created_at end) as first_comment_at,
        max(case when kind = 'comment' then created_at end) as last_comment_at,
        cast(sum(score) as bigint) as score_sum,
        max(case when kind = 'post' then reply_count end) as reply_count
    from contributions
    group by platform, community, thread_id

),

-- Where nobody read the comments of the thread's day, that none is in raw says nothing.
comments_read as (

    select * from {{ ref('int_coverage') }} where kind = 'comment' and is_looked_at

)

select
    counted.platform,
    counted.community,
    counted.thread_id,
    counted.contribution_date,
    counted.is_root_present,
    counted.posted_at,
    {{ shown_person('counted.author_key', 'platforms') }} as author_key,
    case when counted.comments > 0 or comments_read.kind is not null then counted.comments end as comments,
    counted.contributions,
    case when counted.comments > 0 or comments_read.kind is not null then counted.contributors end as contributors,
    counted.first_comment_at,
    counted.last_comment_at,
    counted.score_sum,
    counted.reply_count
from counted
left join comments_read
    on counted.platform = comments_read.platform
    and counted.community = comments_read.community
    and counted.contribution_date = comments_read.contribution_date
left join {{ ref('stg_platforms') }} as platforms
    on counted.platform = platforms.platform
