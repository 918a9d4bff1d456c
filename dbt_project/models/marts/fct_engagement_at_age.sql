{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_dates() }}",
) }}

{% set ages_h = {'24h': 24, '3d': 72, '7d': 168, '30d': 720} %}

with

observations as (

    select * from {{ ref('fct_observations') }} where {{ is_affected('contribution_date') }}

),

-- "At an age" is the observation nearest to it, within a quarter of it either way: wide enough for daily runs that
-- start some hours late, narrow enough that no observation serves two ages.
near as (

    {% for label, age_h in ages_h.items() -%}
    select
        *,
        '{{ label }}' as age_label,
        cast({{ age_h }} as bigint) as target_age_h,
        abs(observed_age_h - {{ age_h }}) as distance_h
    from observations
    where observed_age_h between {{ age_h * 0.75 }} and {{ age_h * 1.25 }}
    union all
    {% endfor -%}
    -- Settled: the first observation at seven days or later. Archives have only this one.
    select
        *,
        'settled' as age_label,
        cast(168 as bigint) as target_age_h,
        observed_age_h - 168 as distance_h
    from observations
    where observed_age_h >= 168

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id, age_label order by distance_h, observed_at
        ) as nearness
    from near

)

select
    platform,
    community,
    contribution_id,
    kind,
    contribution_date,
    age_label,
    target_age_h,
    observed_age_h,
    observed_at,
    score,
    reply_count,
    award_count,
    view_count,
    share_count
from ranked
where nearness = 1
