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

entries as (

    select * from latest where is_entry_total

),

shares as (

    select
        contribution_date,
        cast(sum(case when is_complete then 1 else 0 end) as double) / count(*) as communities_arrived_share
    from entries
    group by contribution_date

),

communities as (

    select
        latest.*,
        entries.outcome as entry_outcome,
        entries.is_complete as is_entry_complete,
        entries.reason as entry_reason,
        entries.recorded_at > latest.recorded_at as is_left_out
    from latest
    inner join entries
        on latest.platform = entries.platform
        and latest.entry_id = entries.entry_id
        and latest.contribution_date = entries.contribution_date
    where latest.community <> '*'

),

-- A wildcard names only the communities that it brought. Where its later run no longer brought one, what that run says
-- of the whole holds for it too: nothing was there, or nothing can be said.
settled as (

    select
        platform,
        community,
        contribution_date,
        case
            when not is_left_out then outcome
            when is_entry_complete then 'empty'
            else entry_outcome
        end as outcome,
        case when is_left_out then is_entry_complete else is_complete end as is_complete,
        case when is_left_out then entry_reason else reason end as reason,
        recorded_at,
        run_id
    from communities

),

-- A community may have moved from the wildcard to an entry of its own: the later word counts.
ranked_among_entries as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_date order by recorded_at desc, run_id desc
        ) as recency
    from settled

)

select
    ranked_among_entries.platform,
    ranked_among_entries.community,
    ranked_among_entries.contribution_date,
    ranked_among_entries.outcome,
    ranked_among_entries.is_complete,
    ranked_among_entries.reason,
    shares.communities_arrived_share
from ranked_among_entries
inner join shares on ranked_among_entries.contribution_date = shares.contribution_date
where ranked_among_entries.recency = 1
