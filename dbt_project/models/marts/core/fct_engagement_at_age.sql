{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

{#- Each age with its band: over the first and up to the last, in hours, and the first band with its beginning. No two
   overlap, so that no observation serves two ages; every age that sources look at has one. -#}
{% set ages = [
    ('24h', 24, 18, 30), ('36h', 36, 30, 45), ('2d', 48, 45, 54), ('3d', 72, 54, 90), ('5d', 120, 90, 126),
    ('7d', 168, 126, 210), ('30d', 720, 540, 900),
] %}
{% set settled_h = 168 %}

with

observations as (

    select * from {{ ref('fct_observations') }} where {{ is_affected('contribution_date') }}

),

labelled as (

    select
        *,
        case
            {%- for label, _, from_h, to_h in ages %}
            when observed_age_h {{ '>=' if loop.first or ages[loop.index0 - 1][3] != from_h else '>' }} {{ from_h }}
                and observed_age_h <= {{ to_h }} then '{{ label }}'
            {%- endfor %}
        end as band_label,
        case
            {%- for label, target_h, from_h, to_h in ages %}
            when observed_age_h {{ '>=' if loop.first or ages[loop.index0 - 1][3] != from_h else '>' }} {{ from_h }}
                and observed_age_h <= {{ to_h }} then {{ target_h }}
            {%- endfor %}
        end as band_age_h
    from observations

),

-- "At an age" is the observation nearest to it in its band. Settled is the first one at seven days or later, whether or
-- not it is that of an age.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id, band_label
            order by abs(observed_age_h - band_age_h), observed_at
        ) as nearness,
        case
            when observed_age_h >= {{ settled_h }} then row_number() over (
                partition by platform, community, contribution_id, observed_age_h >= {{ settled_h }}
                order by observed_age_h, observed_at
            )
        end as place_among_settled
    from labelled

),

chosen as (

    select
        *,
        band_label is not null and nearness = 1 as is_at_age,
        coalesce(place_among_settled = 1, false) as is_settled
    from ranked

)

select
    platform,
    community,
    contribution_id,
    kind,
    contribution_date,
    case when is_at_age then band_label else 'settled' end as age_label,
    cast(case when is_at_age then band_age_h else {{ settled_h }} end as bigint) as target_age_h,
    observed_age_h,
    is_settled,
    observed_at,
    score,
    reply_count,
    award_count,
    view_count,
    share_count
from chosen
where is_at_age or is_settled
