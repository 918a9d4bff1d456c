{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

-- Where nothing is configured there is nothing to look for, and no text is read.
contests as (

    select
        offers.offer,
        offers.brand,
        offers.first_date,
        offers.last_date,
        offers.is_everywhere,
        codes.code_key
    from {{ ref('stg_offers') }} as offers
    inner join {{ ref('stg_offer_codes') }} as codes
        on offers.offer = codes.offer
    where offers.offer_kind in ('contest', 'giveaway')

),

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where not is_removed and {{ has_a_say() }} and {{ is_proven() }} and {{ is_affected('contribution_date') }}

),

within_days as (

    select
        contributions.platform,
        contributions.community,
        contributions.contribution_id,
        contributions.month_start_date,
        contributions.contribution_date,
        contributions.last_observed_at,
        contributions.is_repeat,
        case when contributions.is_by_contributor then contributions.author_key end as author_key,
        contests.offer,
        contests.brand,
        contests.code_key
    from contributions
    inner join contests
        on contributions.contribution_date between contests.first_date and contests.last_date
    left join {{ ref('stg_offer_communities') }} as communities
        on contests.offer = communities.offer
        and contributions.platform = communities.platform
        and contributions.community = communities.community
    where contests.is_everywhere or communities.offer is not null

),

texts as (

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        observed_at,
        concat(coalesce(title, ''), ' ', coalesce(body, '')) as said
    from {{ ref('int_observations') }}
    where not is_removed and {{ is_affected('contribution_date', 'partition_day') }}

)

select
    within_days.platform,
    within_days.community,
    within_days.contribution_id,
    within_days.month_start_date,
    within_days.contribution_date,
    within_days.offer,
    within_days.brand,
    max(within_days.author_key) as author_key,
    max(case when within_days.is_repeat then 1 else 0 end) = 1 as is_repeat
from within_days
inner join texts
    on within_days.platform = texts.platform
    and within_days.community = texts.community
    and within_days.contribution_id = texts.contribution_id
    and within_days.contribution_date = texts.contribution_date
    and within_days.last_observed_at = texts.observed_at
where {{ holds_code('texts.said', 'within_days.code_key') }}
group by
    within_days.platform,
    within_days.community,
    within_days.contribution_id,
    within_days.month_start_date,
    within_days.contribution_date,
    within_days.offer,
    within_days.brand
