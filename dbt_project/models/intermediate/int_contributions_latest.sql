{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ remember_affected_keys('affected_threads', ['platform', 'community', 'thread_id']) }}",
        "{{ remember_affected_keys('affected_chains', ['platform', 'community', 'thread_id']) }}",
        "{{ delete_affected_dates() }}",
    ],
) }}

with

observations as (

    select * from {{ ref('stg_contributions') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

-- contribution_date is part of the key, so that a partial build sees what a full one sees. It never changes; if it
-- ever did, both would fail the key test of fct_contributions and name the contribution.
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

)

select
    platform,
    community,
    contribution_id,
    kind,
    thread_id,
    parent_id,
    contribution_date,
    created_at,
    first_partition_day,
    first_observed_at,
    observed_at as last_observed_at,
    author_key,
    author_role,
    is_by_contributor,
    score,
    reply_count,
    award_count,
    {{ map_total('reactions') }} as reaction_count,
    is_removed,
    load_id
from ranked
where recency = 1
