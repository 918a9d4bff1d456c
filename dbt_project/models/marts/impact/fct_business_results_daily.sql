with

results as (

    select * from {{ ref('stg_business_results') }}

),

-- The gate sees to it that no two lines tell the same, refunds apart; here several files may tell different things of
-- one day.
days as (

    select
        result_date,
        platform,
        community,
        code,
        currency,
        cast(sum(visits) as bigint) as visits,
        cast(sum(leads) as bigint) as leads,
        cast(sum(sales) as bigint) as sales,
        cast(sum(revenue) as decimal(18, 4)) as revenue,
        sum(case when is_refund then 1 else 0 end) as refunds_n,
        coalesce(sum(identical_lines_n), 0) as identical_lines_n
    from results
    group by result_date, platform, community, code, currency

)

select
    result_date,
    platform,
    community,
    code,
    currency,
    visits,
    leads,
    sales,
    revenue,
    cast(refunds_n as bigint) as refunds_n,
    cast(identical_lines_n as bigint) as identical_lines_n,
    {{ caveats({
        'identical_lines': 'identical_lines_n > 0',
        'refunds': 'refunds_n > 0',
    }) }} as caveat
from days
