with

outcomes as (

    select * from {{ ref('stg_load_outcomes') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, entry_id, community, contribution_date
            order by recorded_at desc, run_id desc
        ) as recency
    from outcomes

),

latest as (

    select * from ranked where recency = 1

),

shares as (

    select
        contribution_date,
        cast(sum(case when is_complete then 1 else 0 end) as double) / count(*) as communities_arrived_share
    from latest
    where is_entry_total
    group by contribution_date

),

-- A community may have moved from the wildcard to an entry of its own: the later word counts.
communities as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_date order by recorded_at desc, run_id desc
        ) as recency_among_entries
    from latest
    where community <> '*'

)

select
    communities.platform,
    communities.community,
    communities.contribution_date,
    communities.outcome,
    communities.is_complete,
    communities.reason,
    shares.communities_arrived_share
from communities
inner join shares on communities.contribution_date = shares.contribution_date
where communities.recency_among_entries = 1
