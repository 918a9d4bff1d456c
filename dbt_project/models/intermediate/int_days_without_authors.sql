with

days as (

    select * from {{ ref('int_author_days') }}

),

sources as (

    select * from {{ ref('int_sources_without_authors') }}

)

select
    days.platform,
    days.community,
    days.contribution_date,
    cast(sum(days.contributions_n) as bigint) as authors_unobserved_n
from days
inner join sources
    on days.platform = sources.platform
    and days.community = sources.community
    and days.source = sources.source
group by days.platform, days.community, days.contribution_date
