{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_keys(ref('int_contributions_latest'), 'affected_chains', ['platform', 'community', 'thread_id']) }}",
    post_hook="{{ forget_affected_keys(ref('int_contributions_latest'), 'affected_chains') }}",
) }}

with

links as (

    select * from {{ ref('int_contributions_latest') }}
    where kind <> 'message'
    {%- if is_partial_build() %}
        and (platform, community, thread_id) in (
            {{ affected_keys(ref('int_contributions_latest'), 'affected_chains', ['platform', 'community', 'thread_id']) }}
        )
    {%- endif %}

),

comments as (

    select
        platform,
        community,
        contribution_id,
        thread_id,
        parent_id as ancestor_id,
        cast(1 as bigint) as levels,
        contribution_date as chain_start_date,
        contribution_date as chain_end_date,
        first_partition_day as chain_seen_date
    from links
    where kind = 'comment'

)

select
    links.platform,
    links.community,
    links.contribution_id,
    links.thread_id,
    links.contribution_date,
    case when links.kind = 'post' then 0 else placed.levels end as depth,
    placed.chain_start_date,
    placed.chain_end_date,
    placed.chain_seen_date,
    links.is_unproven
from links
left join ({{ comment_chains('comments') }}) as placed
    on links.platform = placed.platform
    and links.community = placed.community
    and links.contribution_id = placed.contribution_id
