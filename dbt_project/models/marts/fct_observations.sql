{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

observations as (

    select * from {{ ref('stg_contributions') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

-- A load that was replayed under another id says the same again.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id, observed_at order by load_id
        ) as repetition
    from observations

)

select
    platform,
    community,
    contribution_id,
    kind,
    contribution_date,
    observed_at,
    observed_age_h,
    score,
    upvote_ratio,
    reply_count,
    award_count,
    view_count,
    share_count,
    removal,
    source,
    load_id
from ranked
where repetition = 1
