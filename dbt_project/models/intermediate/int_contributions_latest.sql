{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ remember_affected_keys('affected_threads', ['platform', 'community', 'thread_id']) }}",
        "{{ remember_affected_keys('affected_chains', ['platform', 'community', 'thread_id']) }}",
        "{{ delete_affected_dates() }}",
    ],
) }}

with

observations as (

    select * from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

-- A contribution has one contribution_date: where loads tell two, int_observations takes the earlier.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id, contribution_date
            order by observed_at desc, {{ precedence_at_same_time() }}
        ) as recency,
        min(observed_at) over (
            partition by platform, community, contribution_id, contribution_date
        ) as first_observed_at,
        min(partition_day) over (
            partition by platform, community, contribution_id, contribution_date
        ) as first_partition_day
    from observations

),

-- Scanned apart, for these few columns only: a partial build of it and of the rows sees the same days.
observed_days as (

    select distinct platform, community, contribution_date, kind from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

looked_at as (

    {{ looked_at_days('observed_days', ref('int_coverage_claims')) }}

),

repeats as (

    {{ repeated_contributions(
        ref('int_observations'), ref('stg_platforms'), 'looked_at',
        is_affected('contribution_date', 'partition_day')
    ) }}

)

select
    ranked.platform,
    ranked.community,
    ranked.contribution_id,
    ranked.kind,
    ranked.thread_id,
    ranked.parent_id,
    ranked.channel,
    ranked.contribution_date,
    ranked.created_at,
    ranked.first_partition_day,
    ranked.first_observed_at,
    ranked.observed_at as last_observed_at,
    ranked.author_key,
    ranked.author_role,
    ranked.is_by_contributor,
    ranked.score,
    ranked.reply_count,
    ranked.award_count,
    {{ map_total('ranked.reactions') }} as reaction_count,
    ranked.is_removed,
    ranked.source,
    ranked.load_id,
    looked_at.kind is null as is_unproven,
    repeats.contribution_id is not null as is_repeat
from ranked
left join looked_at
    on ranked.platform = looked_at.platform
    and ranked.community = looked_at.community
    and ranked.contribution_date = looked_at.contribution_date
    and ranked.kind = looked_at.kind
left join repeats
    on ranked.platform = repeats.platform
    and ranked.community = repeats.community
    and ranked.contribution_id = repeats.contribution_id
    and ranked.contribution_date = repeats.contribution_date
where ranked.recency = 1
