{#- Before and after of an event in a community, against communities of its platform in which nothing of the kind happened.
    Weeks are those of the calendar; the event's week is the first one after. -#}
{% set before_weeks = var('effect_weeks_before') %}
{% set after_weeks = var('effect_weeks_after') %}
{% set controls = var('effect_controls') %}

{%- set refusal -%}
    case
        when coalesce(own.before_n, 0) < {{ before_weeks }} then 'too_few_weeks_before'
        when coalesce(own.after_n, 0) < {{ var('effect_min_weeks_after') }} then 'too_few_weeks_after'
        when coalesce(ranked.controls_n, 0) < {{ var('effect_min_controls') }} then 'too_few_controls'
        when abs(trends.trend_t) > 2 then 'trend_before_differs'
    end
{%- endset %}

with

events as (

    select
        'offer' as event_kind,
        offers.offer as event,
        offers.brand,
        offers.first_date as event_date,
        places.platform,
        places.community
    from {{ ref('stg_offers') }} as offers
    inner join {{ ref('stg_offer_communities') }} as places on offers.offer = places.offer

    union all

    -- A launch is looked for where its brand is at home.
    select
        'launch' as event_kind,
        launches.launch as event,
        launches.brand,
        launches.launch_date as event_date,
        own.platform,
        own.community
    from {{ ref('stg_launches') }} as launches
    inner join {{ ref('stg_brands') }} as brands
        on launches.brand = brands.brand
        and brands.is_ours
    cross join {{ ref('stg_own_communities') }} as own

),

dated as (

    select
        *,
        {{ period_start('week', 'event_date') }} as event_week
    from events

),

-- A week is known when something was looked at on each of its days.
weeks as (

    select
        days.platform,
        days.community,
        {{ period_start('week', 'days.contribution_date') }} as week_start_date,
        count(coalesce(days.posts, days.comments, days.messages)) as days_n,
        sum({{ sum_of_kinds('days.') }}) as contributions_n
    from {{ ref('fct_community_daily') }} as days
    where exists (select 1 from events)
    group by days.platform, days.community, {{ period_start('week', 'days.contribution_date') }}

),

-- Every community of the platform around every event, by week from the event on.
around as (

    select
        dated.event_kind,
        dated.event,
        dated.platform,
        dated.community as treated,
        dated.event_week,
        weeks.community,
        weeks.community = dated.community as is_treated,
        cast({{ dbt.datediff('dated.event_week', 'weeks.week_start_date', 'day') }} / 7 as integer) as week,
        cast(ln(weeks.contributions_n + 1.0) as decimal(18, 6)) as level
    from dated
    inner join weeks
        on dated.platform = weeks.platform
        and weeks.week_start_date >= {{ dbt.dateadd('day', -7 * before_weeks, 'dated.event_week') }}
        and weeks.week_start_date < {{ dbt.dateadd('day', 7 * after_weeks, 'dated.event_week') }}
        and weeks.days_n = 7

),

-- Where another event lies in the same weeks, nothing can be compared.
disturbed as (

    select distinct
        around.event_kind,
        around.event,
        around.platform,
        around.treated,
        around.community
    from around
    inner join dated as others
        on around.platform = others.platform
        and around.community = others.community
    where not around.is_treated
        and others.event_week > {{ dbt.dateadd('day', -7 * before_weeks, 'around.event_week') }}
        and others.event_week < {{ dbt.dateadd('day', 7 * after_weeks, 'around.event_week') }}

),

series as (

    select
        around.event_kind,
        around.event,
        around.platform,
        around.treated,
        around.community,
        around.is_treated,
        count(case when around.week < 0 then 1 end) as before_n,
        count(case when around.week >= 0 then 1 end) as after_n,
        avg(case when around.week < 0 then around.level end) as before_level,
        avg(case when around.week >= 0 then around.level end) as after_level
    from around
    left join disturbed
        on around.event_kind = disturbed.event_kind
        and around.event = disturbed.event
        and around.platform = disturbed.platform
        and around.treated = disturbed.treated
        and around.community = disturbed.community
    where disturbed.community is null
    group by around.event_kind, around.event, around.platform, around.treated, around.community, around.is_treated

),

whole as (

    select * from series
    where before_n = {{ before_weeks }} and after_n >= {{ var('effect_min_weeks_after') }}

),

-- How unlike the treated community's own course a control's was before, both about their own means.
distances as (

    select
        controls.event_kind,
        controls.event,
        controls.platform,
        controls.treated,
        controls.community,
        sum(
            power((of_control.level - controls.before_level) - (of_treated.level - treated.before_level), 2)
        ) as distance
    from whole as controls
    inner join whole as treated
        on controls.event_kind = treated.event_kind
        and controls.event = treated.event
        and controls.platform = treated.platform
        and controls.treated = treated.treated
        and treated.is_treated
    inner join around as of_control
        on controls.event_kind = of_control.event_kind
        and controls.event = of_control.event
        and controls.platform = of_control.platform
        and controls.treated = of_control.treated
        and controls.community = of_control.community
        and of_control.week < 0
    inner join around as of_treated
        on of_control.event_kind = of_treated.event_kind
        and of_control.event = of_treated.event
        and of_control.platform = of_treated.platform
        and of_control.treated = of_treated.treated
        and of_control.week = of_treated.week
        and of_treated.is_treated
    -- People who write in both carry the effect over.
    left join {{ ref('fct_community_overlap') }} as shared
        on controls.platform = shared.platform
        and controls.treated = shared.community
        and controls.platform = shared.other_platform
        and controls.community = shared.other_community
    where not controls.is_treated and coalesce(shared.containment, 0.0) <= {{ var('effect_max_containment') }}
    group by controls.event_kind, controls.event, controls.platform, controls.treated, controls.community

),

matched as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by event_kind, event, platform, treated order by distance, community
            ) as place
        from distances
    ) as ranked
    where place <= {{ controls }}

),

changes as (

    select
        whole.event_kind,
        whole.event,
        whole.platform,
        whole.treated,
        whole.community,
        whole.is_treated,
        whole.before_n,
        whole.after_n,
        whole.after_level - whole.before_level as change
    from whole
    left join matched
        on whole.event_kind = matched.event_kind
        and whole.event = matched.event
        and whole.platform = matched.platform
        and whole.treated = matched.treated
        and whole.community = matched.community
    where whole.is_treated or matched.community is not null

),

totals as (

    select
        event_kind,
        event,
        platform,
        treated,
        count(case when not is_treated then 1 end) as controls_n,
        sum(case when not is_treated then change end) as controls_change,
        sum(change) as all_change
    from changes
    group by event_kind, event, platform, treated

),

-- Each as if it were the treated one, against all others: of equals each is first as often as any.
effects as (

    select
        changes.*,
        totals.controls_n,
        changes.change - (totals.all_change - changes.change) / nullif(totals.controls_n, 0) as effect
    from changes
    inner join totals
        on changes.event_kind = totals.event_kind
        and changes.event = totals.event
        and changes.platform = totals.platform
        and changes.treated = totals.treated

),

ranked as (

    select
        treated.event_kind,
        treated.event,
        treated.platform,
        treated.treated,
        treated.before_n,
        treated.after_n,
        treated.controls_n,
        treated.effect,
        count(case when others.effect >= treated.effect then 1 end) as as_large_n,
        count(case when others.effect <= treated.effect then 1 end) as as_small_n
    from effects as treated
    left join effects as others
        on treated.event_kind = others.event_kind
        and treated.event = others.event
        and treated.platform = others.platform
        and treated.treated = others.treated
        and not others.is_treated
    where treated.is_treated
    group by treated.event_kind, treated.event, treated.platform, treated.treated, treated.before_n, treated.after_n,
        treated.controls_n, treated.effect

),

-- Whether the gap between the treated community and the mean of its controls was opening or closing before.
gaps as (

    select
        treated.event_kind,
        treated.event,
        treated.platform,
        treated.treated,
        treated.week,
        treated.level - avg(of_control.level) as gap
    from around as treated
    inner join matched
        on treated.event_kind = matched.event_kind
        and treated.event = matched.event
        and treated.platform = matched.platform
        and treated.treated = matched.treated
    inner join around as of_control
        on matched.event_kind = of_control.event_kind
        and matched.event = of_control.event
        and matched.platform = of_control.platform
        and matched.treated = of_control.treated
        and matched.community = of_control.community
        and treated.week = of_control.week
    where treated.is_treated and treated.week < 0
    group by treated.event_kind, treated.event, treated.platform, treated.treated, treated.week, treated.level

),

lines as (

    select
        event_kind,
        event,
        platform,
        treated,
        count(*) as n,
        sum(week * gap) - sum(week) * sum(gap) / count(*) as sxy,
        sum(week * week) - cast(sum(week) as double) * sum(week) / count(*) as sxx,
        sum(gap * gap) - sum(gap) * sum(gap) / count(*) as syy
    from gaps
    group by event_kind, event, platform, treated

),

trends as (

    select
        *,
        (sxy / nullif(sxx, 0))
        / nullif(sqrt(greatest(0.0, syy - sxy * sxy / nullif(sxx, 0)) / nullif(n - 2, 0) / nullif(sxx, 0)), 0) as trend_t
    from lines

)

select
    dated.event_kind,
    dated.event,
    dated.brand,
    dated.event_date,
    dated.platform,
    dated.community,
    cast(coalesce(own.before_n, 0) as bigint) as weeks_before_n,
    cast(coalesce(own.after_n, 0) as bigint) as weeks_after_n,
    cast(coalesce(ranked.controls_n, 0) as bigint) as controls_n,
    round(trends.trend_t, 6) as trend_t,
    case when {{ refusal }} is null then round(exp(ranked.effect) - 1, 6) end as change_share,
    case when {{ refusal }} is null then {{ share('(1 + ranked.as_large_n)', '(1 + ranked.controls_n)') }} end as p_rise,
    case when {{ refusal }} is null then {{ share('(1 + ranked.as_small_n)', '(1 + ranked.controls_n)') }} end as p_fall,
    case
        when {{ refusal }} is null
            then {{ share('(1 + ranked.as_large_n)', '(1 + ranked.controls_n)') }} <= 0.05
    end as is_clear_rise,
    {{ refusal }} as refusal
from dated
left join series as own
    on dated.event_kind = own.event_kind
    and dated.event = own.event
    and dated.platform = own.platform
    and dated.community = own.treated
    and own.is_treated
left join ranked
    on dated.event_kind = ranked.event_kind
    and dated.event = ranked.event
    and dated.platform = ranked.platform
    and dated.community = ranked.treated
left join trends
    on dated.event_kind = trends.event_kind
    and dated.event = trends.event
    and dated.platform = trends.platform
    and dated.community = trends.treated
