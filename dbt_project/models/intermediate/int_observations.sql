{{ config(materialized='file', schema='staging') }}

-- Read instead of the staging model by whatever is dated by creation: once from raw's many small files, then by six. It
-- stands beside the staging models because published files do without it, as without those.
select
    seen.platform,
    seen.community,
    seen.contribution_id,
    seen.kind,
    seen.thread_id,
    seen.parent_id,
    coalesce(clashes.first_created_at, seen.created_at) as created_at,
    coalesce({{ utc_date('clashes.first_created_at') }}, seen.contribution_date) as contribution_date,
    seen.edited_at,
    seen.observed_at,
    coalesce(
        {{ hours_between('clashes.first_created_at', 'seen.observed_at') }}, seen.observed_age_h
    ) as observed_age_h,
    seen.title,
    seen.body,
    seen.text_sha256,
    seen.url,
    seen.permalink,
    seen.tags,
    seen.author_key,
    seen.author_role,
    seen.is_by_contributor,
    seen.score,
    seen.upvote_ratio,
    seen.reply_count,
    seen.award_count,
    seen.view_count,
    seen.share_count,
    seen.reactions,
    seen.removal,
    seen.is_removed,
    seen.source,
    seen.load_id,
    seen.contract_version,
    seen.channel,
    seen.is_accepted_answer,
    seen.partition_day
from {{ ref('stg_contributions') }} as seen
left join (
    select distinct platform, community, contribution_id, first_created_at
    from {{ ref('int_creation_time_clashes') }}
) as clashes
    on seen.platform = clashes.platform
    and seen.community = clashes.community
    and seen.contribution_id = clashes.contribution_id
where {{ is_in_this_build('coalesce(' ~ utc_date('clashes.first_created_at') ~ ', seen.contribution_date)', 'seen.partition_day') }}
