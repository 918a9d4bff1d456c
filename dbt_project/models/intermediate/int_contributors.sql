{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_keys(ref('int_contributor_days'), 'affected_contributors', ['platform', 'community', 'author_key']) }}",
    post_hook="{{ forget_affected_keys(ref('int_contributor_days'), 'affected_contributors') }}",
) }}

with

days as (

    select * from {{ ref('int_contributor_days') }}
    {%- if is_partial_build() %}
    where (platform, community, author_key) in (
        {{ affected_keys(ref('int_contributor_days'), 'affected_contributors', ['platform', 'community', 'author_key']) }}
    )
    {%- endif %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, author_key order by contribution_date desc
        ) as recency
    from days

)

select
    platform,
    community,
    author_key,
    max(case when recency = 1 then author_role end) as author_role,
    max(case when is_contributor then 1 else 0 end) = 1 as is_contributor,
    min(case when is_contributor then contribution_date end) as new_contributor_date,
    min(contribution_date) as first_contribution_date,
    max(contribution_date) as last_contribution_date,
    min(first_contribution_at) as first_contribution_at,
    max(last_contribution_at) as last_contribution_at,
    count(*) as active_days,
    cast(sum(posts) as bigint) as posts,
    cast(sum(comments) as bigint) as comments,
    cast(sum(messages) as bigint) as messages,
    cast(sum(score_sum) as bigint) as score_sum
from ranked
group by platform, community, author_key
