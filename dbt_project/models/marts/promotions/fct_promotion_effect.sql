with

effects as (

    select * from {{ ref('fct_event_effects') }}
    where event_kind = 'offer'

),

offers as (

    select * from {{ ref('stg_offers') }}

),

codes as (

    select * from {{ ref('stg_offer_codes') }}

),

-- What the business booked on the offer's codes while it held and four weeks on.
results as (

    select
        codes.offer,
        sum(results.visits) as visits,
        sum(results.leads) as leads,
        sum(results.sales) as sales
    from codes
    inner join offers on codes.offer = offers.offer
    inner join {{ ref('fct_business_results_daily') }} as results
        on lower(results.code) = codes.code_key
        and results.result_date between offers.first_date and {{ dbt.dateadd('day', 28, 'offers.last_date') }}
    group by codes.offer

),

named as (

    select
        platform,
        community,
        offer,
        count(*) as promotions_n
    from {{ ref('fct_promotions') }}
    where offer is not null
    group by platform, community, offer

)

select
    effects.event as offer,
    effects.brand,
    offers.offer_kind,
    effects.platform,
    effects.community,
    offers.first_date,
    offers.last_date,
    cast(coalesce(named.promotions_n, 0) as bigint) as promotions_n,
    effects.weeks_before_n,
    effects.weeks_after_n,
    effects.controls_n,
    effects.change_share,
    effects.p_rise,
    effects.p_fall,
    effects.is_clear_rise,
    effects.refusal,
    cast(results.visits as bigint) as visits_by_code,
    cast(results.leads as bigint) as leads_by_code,
    cast(results.sales as bigint) as sales_by_code
from effects
inner join offers on effects.event = offers.offer
left join results on effects.event = results.offer
left join named
    on effects.event = named.offer
    and effects.platform = named.platform
    and effects.community = named.community
