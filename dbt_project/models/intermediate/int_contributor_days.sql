{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ remember_affected_keys('affected_contributors', ['platform', 'community', 'author_key']) }}",
        "{{ delete_affected_dates() }}",
    ],
) }}

with

contributions as (

    select
        *,
        case author_role when 'bot' then 1 when 'team' then 2 when 'moderator' then 3 else 4 end as role_rank
    from {{ ref('int_contributions_latest') }}
    where author_key is not null and {{ is_proven() }} and {{ is_affected('contribution_date') }}

)

select
    platform,
    community,
    author_key,
    contribution_date,
    -- A moderator shows as one only where the platform marks the contribution; the first match of the day counts.
    case min(role_rank) when 1 then 'bot' when 2 then 'team' when 3 then 'moderator' else 'member' end as author_role,
    max(case when is_by_contributor then 1 else 0 end) = 1 as is_contributor,
    cast(sum(case when kind = 'post' then 1 else 0 end) as bigint) as posts,
    cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
    cast(sum(case when kind = 'message' then 1 else 0 end) as bigint) as messages,
    cast(sum(score) as bigint) as score_sum,
    min(created_at) as first_contribution_at,
    max(created_at) as last_contribution_at
from contributions
group by platform, community, author_key, contribution_date
