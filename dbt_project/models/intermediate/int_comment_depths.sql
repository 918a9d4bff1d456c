{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_keys(ref('int_contributions_latest'), 'affected_chains', ['platform', 'community', 'thread_id']) }}",
    post_hook="{{ forget_affected_keys(ref('int_contributions_latest'), 'affected_chains') }}",
) }}

{#- Each round doubles how far a comment sees up its chain, so a thread of thousands of levels takes hardly longer than
    a thousand threads of a few. Level 4096 is deeper than any reader scrolls, and a circle of replies ends too. -#}
{% set rounds = range(1, 13) %}

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

),

-- Where the level is known: an answer to the post itself, whether or not the post is in raw.
placed_0 as (

    select * from comments where ancestor_id = thread_id

),

climbing_0 as (

    select * from comments where ancestor_id <> thread_id

),

{% for round in rounds %}
placed_{{ round }} as (

    select
        climbing.platform,
        climbing.community,
        climbing.contribution_id,
        climbing.thread_id,
        ancestors.ancestor_id,
        climbing.levels + ancestors.levels as levels,
        least(climbing.chain_start_date, ancestors.chain_start_date) as chain_start_date,
        greatest(climbing.chain_end_date, ancestors.chain_end_date) as chain_end_date,
        greatest(climbing.chain_seen_date, ancestors.chain_seen_date) as chain_seen_date
    from climbing_{{ round - 1 }} as climbing
    inner join (
        {%- for earlier in range(round) %}
        select * from placed_{{ earlier }}
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    ) as ancestors
        on climbing.platform = ancestors.platform
        and climbing.community = ancestors.community
        and climbing.ancestor_id = ancestors.contribution_id
        and climbing.thread_id = ancestors.thread_id

),

climbing_{{ round }} as (

    select
        climbing.platform,
        climbing.community,
        climbing.contribution_id,
        climbing.thread_id,
        ancestors.ancestor_id,
        climbing.levels + ancestors.levels as levels,
        least(climbing.chain_start_date, ancestors.chain_start_date) as chain_start_date,
        greatest(climbing.chain_end_date, ancestors.chain_end_date) as chain_end_date,
        greatest(climbing.chain_seen_date, ancestors.chain_seen_date) as chain_seen_date
    from climbing_{{ round - 1 }} as climbing
    inner join climbing_{{ round - 1 }} as ancestors
        on climbing.platform = ancestors.platform
        and climbing.community = ancestors.community
        and climbing.ancestor_id = ancestors.contribution_id
        and climbing.thread_id = ancestors.thread_id

),

{% endfor %}
placed as (

    {% for round in range(rounds | length + 1) -%}
    select * from placed_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
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
left join placed
    on links.platform = placed.platform
    and links.community = placed.community
    and links.contribution_id = placed.contribution_id
