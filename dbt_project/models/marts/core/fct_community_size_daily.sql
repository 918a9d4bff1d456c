with

observations as (

    select * from {{ ref('stg_community_observations') }}

),

-- Two loads may have seen the same at the same time, one of them released under another id; the load's id decides.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, observation_date order by observed_at desc, load_id
        ) as recency
    from observations

)

select
    platform,
    community,
    observation_date,
    observed_at,
    members_n,
    active_n,
    members_n - lag(members_n) over (
        partition by platform, community order by observation_date
    ) as members_change_n
from ranked
where recency = 1
