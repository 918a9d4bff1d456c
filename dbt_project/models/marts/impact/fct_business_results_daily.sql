with

results as (

    select * from {{ ref('stg_business_results') }}

)

-- The gate sees to it that no two lines tell the same; here several files may tell different things of one day.
select
    result_date,
    platform,
    community,
    code,
    currency,
    cast(sum(visits) as bigint) as visits,
    cast(sum(leads) as bigint) as leads,
    cast(sum(sales) as bigint) as sales,
    cast(sum(revenue) as decimal(18, 4)) as revenue
from results
group by result_date, platform, community, code, currency
