{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

people as (

    select * from {{ ref('int_influence_months') }}
    where {{ is_month_affected_or_later('month_start_date') }}
        and place <= {{ var('persons_told_n') }}
        and established_repliers_n >= {{ var('influencer_min_repliers') }}

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    people.platform,
    people.community,
    people.month_start_date,
    people.place,
    people.author_key,
    people.is_established,
    people.established_n,
    people.established_repliers_n,
    round({{ count_low('people.established_repliers_n', '1.0', z()) }}, 3) as established_repliers_low,
    round({{ count_high('people.established_repliers_n', '1.0', z()) }}, 3) as established_repliers_high,
    people.repliers_n,
    people.page_rank,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    {{ caveats(merged([kind_caveats('months.days_{}_known_n', 'months.'), {
        'authors_not_observed': 'months.authors_unobserved_n > 0',
        'incomplete': 'not months.is_period_complete',
        'left_censored': 'months.is_left_censored',
        'small_n': 'people.established_n < ' ~ var('min_n'),
    }])) }} as caveat
from people
inner join months
    on people.platform = months.platform
    and people.community = months.community
    and people.month_start_date = months.month_start_date
