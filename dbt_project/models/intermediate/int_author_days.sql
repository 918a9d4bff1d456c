{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_latest') }}
    where {{ is_proven() }} and {{ is_affected('contribution_date') }}

)

select
    platform,
    community,
    source,
    contribution_date,
    count(*) as contributions_n,
    count(case when not is_removed then 1 end) as kept_n,
    count(author_key) as authored_n
from contributions
group by platform, community, source, contribution_date
