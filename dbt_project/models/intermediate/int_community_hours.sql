{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_latest') }}
    where {{ is_proven() }} and {{ is_affected('contribution_date') }}

),

voices as (

    select
        platform,
        community,
        contribution_date,
        {{ utc_hour('created_at') }} as hour_utc,
        case when is_by_contributor then author_key end as contributor_key,
        count(case when kind = 'post' then 1 end) as posts,
        count(case when kind = 'comment' then 1 end) as comments,
        count(case when kind = 'message' then 1 end) as messages
    from contributions
    group by
        platform,
        community,
        contribution_date,
        {{ utc_hour('created_at') }},
        case when is_by_contributor then author_key end

)

select
    platform,
    community,
    contribution_date,
    hour_utc,
    cast(sum(posts) as bigint) as posts,
    cast(sum(comments) as bigint) as comments,
    cast(sum(messages) as bigint) as messages,
    count(contributor_key) as contributors
from voices
group by platform, community, contribution_date, hour_utc
