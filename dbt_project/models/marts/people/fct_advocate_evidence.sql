{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{% set last_date = period_end('month', 'advocates.month_start_date') -%}

with

advocates as (

    select * from {{ ref('fct_advocates_monthly') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

-- What is still there, and still theirs.
standing as (

    select platform, community, contribution_id, contribution_date, author_key, score
    from {{ ref('int_contributions_latest') }}
    where not is_removed and author_key is not null

),

ranked as (

    select
        advocates.platform,
        advocates.community,
        advocates.month_start_date,
        advocates.brand,
        advocates.author_key,
        standing.contribution_id,
        standing.contribution_date,
        row_number() over (
            partition by
                advocates.platform, advocates.community, advocates.month_start_date, advocates.brand, advocates.author_key
            order by coalesce(standing.score, 0) desc, standing.contribution_date desc, standing.contribution_id
        ) as place
    from advocates
    inner join {{ ref('int_brand_voices') }} as voices
        on advocates.platform = voices.platform
        and advocates.community = voices.community
        and advocates.brand = voices.brand
        and advocates.author_key = voices.author_key
        and voices.contribution_date
            between {{ dbt.dateadd('day', 1 - var('advocate_window_days'), last_date) }} and {{ last_date }}
    inner join standing
        on voices.platform = standing.platform
        and voices.community = standing.community
        and voices.contribution_id = standing.contribution_id
        and voices.contribution_date = standing.contribution_date
        and voices.author_key = standing.author_key
    where voices.is_experience and not coalesce(voices.is_promotion, false) and voices.verdict = 'good'

)

select
    platform,
    community,
    month_start_date,
    brand,
    author_key,
    place,
    contribution_id,
    contribution_date
from ranked
where place <= {{ var('person_evidence_n') }}
