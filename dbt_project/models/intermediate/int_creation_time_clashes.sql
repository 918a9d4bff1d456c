{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

-- Dated by what each row itself tells: a partial build is given all dates of every contradiction that it touches.
seen as (

    select distinct
        platform,
        community,
        contribution_id,
        created_at,
        contribution_date,
        load_id
    from {{ ref('stg_contributions') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

-- Sources round to the second, some do not: less than that is no contradiction.
clashing as (

    select
        platform,
        community,
        contribution_id,
        min(created_at) as first_created_at
    from seen
    group by platform, community, contribution_id
    having {{ hours_between('min(created_at)', 'max(created_at)') }} * 3600 >= 1

)

select
    seen.platform,
    seen.community,
    seen.contribution_id,
    seen.contribution_date,
    seen.created_at,
    seen.load_id,
    clashing.first_created_at
from seen
inner join clashing
    on seen.platform = clashing.platform
    and seen.community = clashing.community
    and seen.contribution_id = clashing.contribution_id
