{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_keys(ref('int_contributions_latest'), 'affected_threads', ['platform', 'community', 'thread_id']) }}",
    post_hook="{{ forget_affected_keys(ref('int_contributions_latest'), 'affected_threads') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_latest') }}
    {%- if is_partial_build() %}
    where (platform, community, thread_id) in (
        {{ affected_keys(ref('int_contributions_latest'), 'affected_threads', ['platform', 'community', 'thread_id']) }}
    )
    {%- endif %}

)

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
    count(distinct case when is_by_contributor then author_key end) as contributors,
    min(case when kind = 'comment' then created_at end) as first_comment_at,
    max(case when kind = 'comment' then created_at end) as last_comment_at,
    cast(sum(score) as bigint) as score_sum,
    max(case when kind = 'post' then reply_count end) as reply_count
from contributions
group by platform, community, thread_id
