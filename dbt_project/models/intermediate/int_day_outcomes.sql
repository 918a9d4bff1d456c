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

),

recorded as (

    select * from ranked_among_entries where recency = 1

),

-- What was looked at decides; what a run recorded says only what became of a day that nobody looked at.
coverage as (

    select * from {{ ref('int_coverage') }}

),

kinds_read as (

    select
        platform,
        community,
        count(distinct kind) as kinds_n
    from coverage
    where is_looked_at
    group by platform, community

),

covered as (

    select
        coverage.platform,
        coverage.community,
        coverage.contribution_date,
        max(case when coverage.is_looked_at then 1 else 0 end) = 1 as is_looked_at,
        max(case when coverage.is_never_seen then 1 else 0 end) = 1 as is_never_seen,
        coalesce(count(case when coverage.is_whole then 1 end) = max(kinds_read.kinds_n), false) as is_complete
        {%- for kind, name in counted_kinds().items() %},
        max(case when coverage.kind = '{{ kind }}' and coverage.is_whole then 1 else 0 end) = 1 as is_{{ name }}_complete,
        cast(max(case when coverage.kind = '{{ kind }}' then coverage.looked_h else 0 end) as double) as {{ name }}_looked_h
        {%- endfor %}
    from coverage
    left join kinds_read
        on coverage.platform = kinds_read.platform
        and coverage.community = kinds_read.community
    group by coverage.platform, coverage.community, coverage.contribution_date

),

-- Declared, but of a name that nothing ever matched; or a run found nothing of the name, and no look of any day ever did.
never_seen as (

    select
        platform,
        community,
        contribution_date
    from covered
    where is_never_seen
    union
    select
        recorded.platform,
        recorded.community,
        recorded.contribution_date
    from recorded
    left join kinds_read
        on recorded.platform = kinds_read.platform
        and recorded.community = kinds_read.community
    where recorded.outcome = 'never_seen' and kinds_read.kinds_n is null

),

counted as (

    select
        platform,
        community,
        contribution_date,
        {{ sum_of_kinds() }} as contributions_n
    from {{ ref('int_community_days') }}

),

-- Of all that was tried for a day: entries whose community nobody ever saw can bring nothing, and do not count. A
-- wildcard that reads one file per community has no coverage of its own, and what was recorded of it counts.
shares as (

    select
        entries.contribution_date,
        cast(sum(case
            when covered.is_complete then 1
            when entries.community = '*' and covered.community is null and entries.is_complete then 1
            else 0
        end) as double) / count(*) as communities_arrived_share
    from entries
    left join covered
        on entries.platform = covered.platform
        and entries.community = covered.community
        and entries.contribution_date = covered.contribution_date
    left join never_seen
        on entries.platform = never_seen.platform
        and entries.community = never_seen.community
        and entries.contribution_date = never_seen.contribution_date
    where never_seen.community is null
    group by entries.contribution_date

),

days as (

    select
        coalesce(covered.platform, recorded.platform) as platform,
        coalesce(covered.community, recorded.community) as community,
        coalesce(covered.contribution_date, recorded.contribution_date) as contribution_date,
        recorded.outcome as recorded_outcome,
        recorded.reason,
        coalesce(covered.is_looked_at, false) as is_looked_at,
        never_seen.community is not null as is_never_seen,
        coalesce(covered.is_complete, false) as is_complete,
        {%- for name in counted_kinds().values() %}
        coalesce(covered.is_{{ name }}_complete, false) as is_{{ name }}_complete,
        coalesce(covered.{{ name }}_looked_h, 0.0) as {{ name }}_looked_h{{ ',' if not loop.last }}
        {%- endfor %}
    from covered
    full outer join recorded
        on covered.platform = recorded.platform
        and covered.community = recorded.community
        and covered.contribution_date = recorded.contribution_date
    left join never_seen
        on coalesce(covered.platform, recorded.platform) = never_seen.platform
        and coalesce(covered.community, recorded.community) = never_seen.community
        and coalesce(covered.contribution_date, recorded.contribution_date) = never_seen.contribution_date

)

select
    days.platform,
    days.community,
    days.contribution_date,
    case
        when days.is_complete and counted.contributions_n > 0 then 'arrived'
        when days.is_complete then 'empty'
        when days.is_looked_at then 'partial'
        when days.recorded_outcome not in ('arrived', 'empty') then days.recorded_outcome
        when days.is_never_seen then 'never_seen'
        -- A run brought something, or said that there was nothing, and proved neither.
        else 'partial'
    end as outcome,
    days.is_complete,
    {%- for name in counted_kinds().values() %}
    days.is_{{ name }}_complete,
    days.{{ name }}_looked_h,
    {%- endfor %}
    {%- for flag, is_looked_at in {
        'has_threads': 'days.posts_looked_h > 0 or days.comments_looked_h > 0', 'has_messages': 'days.messages_looked_h > 0'
    }.items() %}
    max(case when {{ is_looked_at }} then 1 else 0 end) over (
        partition by days.platform, days.community order by days.contribution_date
        rows between unbounded preceding and current row
    ) = 1 as {{ flag }},
    {%- endfor %}
    days.is_never_seen,
    days.reason,
    shares.communities_arrived_share
from days
left join counted
    on days.platform = counted.platform
    and days.community = counted.community
    and days.contribution_date = counted.contribution_date
left join shares on days.contribution_date = shares.contribution_date
where days.community <> '*'
