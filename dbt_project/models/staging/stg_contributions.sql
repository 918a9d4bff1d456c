with

source as (

    select * from {{ source('raw', 'contributions') }}

)

select
    platform,
    community,
    contribution_id,
    kind,
    thread_id,
    parent_id,
    created_at,
    {{ utc_date('created_at') }} as contribution_date,
    edited_at,
    observed_at,
    {{ hours_between('created_at', 'observed_at') }} as observed_age_h,
    title,
    body,
    text_sha256,
    url,
    permalink,
    tags,
    author_key,
    author_role,
    author_key is not null and author_role in ('member', 'moderator') as is_by_contributor,
    score,
    upvote_ratio,
    reply_count,
    award_count,
    view_count,
    share_count,
    reactions,
    removal,
    removal <> 'none' as is_removed,
    source,
    load_id,
    contract_version,
    {{ partition_day('filename') }} as partition_day
from source
