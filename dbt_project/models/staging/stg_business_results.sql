with

source as (

    select * from {{ source('raw', 'business_results') }}

)

select
    result_date,
    platform is not null as is_of_a_community,
    coalesce(platform, '*') as platform,
    coalesce(community, '*') as community,
    code,
    visits,
    leads,
    sales,
    revenue,
    currency,
    coalesce(revenue < 0, false) or coalesce(sales < 0, false) as is_refund,
    identical_lines_n,
    file_name,
    load_id,
    contract_version
from source
