with

effects as (

    select * from {{ ref('fct_event_effects') }}
    where event_kind = 'launch'

),

mentions as (

    select
        effects.event,
        effects.platform,
        effects.community,
        count(case when mentions.contribution_date < effects.event_date then 1 end) as before_n,
        count(case when mentions.contribution_date >= effects.event_date then 1 end) as after_n
    from effects
    inner join {{ ref('fct_brand_mentions') }} as mentions
        on effects.platform = mentions.platform
        and effects.community = mentions.community
        and effects.brand = mentions.brand
        and mentions.contribution_date >= {{ dbt.dateadd('day', -28, 'effects.event_date') }}
        and mentions.contribution_date < {{ dbt.dateadd('day', 28, 'effects.event_date') }}
    where not mentions.is_unsure and mentions.is_looked_at and mentions.is_by_contributor
    group by effects.event, effects.platform, effects.community

)

select
    effects.event as launch,
    effects.brand,
    effects.event_date as launch_date,
    effects.platform,
    effects.community,
    cast(coalesce(mentions.before_n, 0) as bigint) as brand_mentions_28_days_before_n,
    cast(coalesce(mentions.after_n, 0) as bigint) as brand_mentions_28_days_after_n,
    effects.weeks_before_n,
    effects.weeks_after_n,
    effects.controls_n,
    effects.change_share,
    effects.p_rise,
    effects.p_fall,
    effects.is_clear_rise,
    effects.refusal
from effects
left join mentions
    on effects.event = mentions.event
    and effects.platform = mentions.platform
    and effects.community = mentions.community
