{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

observations as (

    select * from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

-- Two sources, or a load that was released under another id, may have seen the same at the same time.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id, observed_at order by {{ precedence_at_same_time() }}
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
