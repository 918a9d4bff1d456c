with

contributions as (

    select
        *,
        {{ period_start('month', 'contribution_date') }} as month_start_date
    from {{ ref('fct_contributions') }}
    where is_looked_at and not is_repeat

),

-- Keys are looked up below marts, where the terms of no platform hide them: people are counted, never shown.
parents as (

    select
        platform,
        community,
        contribution_id,
        author_key
    from {{ ref('int_contributions_latest') }}
    where is_by_contributor

),

team as (

    select
        contributions.*,
        promotions.contribution_id is not null as is_pitch,
        parents.author_key as helped_key,
        -- An answer to somebody else that is no pitch is help, whatever it says: the reader may judge by the examples.
        promotions.contribution_id is null and parents.contribution_id is not null as is_help
    from contributions
    left join {{ ref('fct_promotions') }} as promotions
        on contributions.platform = promotions.platform
        and contributions.community = promotions.community
        and contributions.contribution_id = promotions.contribution_id
    left join parents
        on contributions.platform = parents.platform
        and contributions.community = parents.community
        and contributions.parent_id = parents.contribution_id
    where contributions.author_role = 'team'

),

counted as (

    select
        platform,
        community,
        month_start_date,
        count(*) as team_n,
        count(case when removal = 'by_moderator' then 1 end) as removed_n,
        count(case when is_pitch then 1 end) as pitches_n,
        count(case when is_help then 1 end) as helps_n,
        count(distinct case when is_help then helped_key end) as people_helped_n,
        count(case when is_promotion is not null then 1 end) as judged_n
    from team
    group by platform, community, month_start_date

),

with_team as (

    select distinct platform, community from counted

),

months as (

    select months.*
    from {{ ref('fct_community_monthly') }} as months
    inner join with_team
        on months.platform = with_team.platform
        and months.community = with_team.community

),

joined as (

    select
        months.platform,
        months.community,
        months.month_start_date,
        months.is_period_complete,
        -- Zero is a claim: it needs a day that was looked at.
        case when coalesce(months.posts, months.comments, months.messages) is not null then 0 end as nothing_seen,
        counted.team_n,
        counted.removed_n,
        counted.pitches_n,
        counted.helps_n,
        counted.people_helped_n,
        counted.judged_n
    from months
    left join counted
        on months.platform = counted.platform
        and months.community = counted.community
        and months.month_start_date = counted.month_start_date

)

select
    platform,
    community,
    month_start_date,
    cast(coalesce(team_n, nothing_seen) as bigint) as team_n,
    cast(coalesce(helps_n, nothing_seen) as bigint) as helps_n,
    cast(coalesce(people_helped_n, nothing_seen) as bigint) as people_helped_n,
    cast(coalesce(pitches_n, nothing_seen) as bigint) as pitches_n,
    {{ share('helps_n', 'pitches_n') }} as helps_per_pitch,
    case when {{ is_enough('team_n') }} then {{ share('pitches_n', 'team_n') }} end as pitch_share,
    case when {{ is_enough('team_n') }} then {{ wilson_low('pitches_n', 'team_n') }} end as pitch_share_low,
    case when {{ is_enough('team_n') }} then {{ wilson_high('pitches_n', 'team_n') }} end as pitch_share_high,
    cast(coalesce(removed_n, nothing_seen) as bigint) as removed_n,
    cast(coalesce(judged_n, nothing_seen) as bigint) as judged_n,
    is_period_complete,
    {{ caveats({
        'incomplete': 'not is_period_complete',
        'partly_observed': 'judged_n < team_n',
        'small_n': 'team_n is not null and not ' ~ is_enough('team_n'),
    }) }} as caveat
from joined
