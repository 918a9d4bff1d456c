{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

-- Both directions of a pair, where there are two.
pairs as (

    select
        platform,
        community,
        month_start_date,
        least(replier, answered) as one_person,
        greatest(replier, answered) as other_person,
        count(*) as directions_n
    from {{ ref('int_reply_edges') }}
    where {{ is_period_affected('month', 'month_start_date') }}
    group by platform, community, month_start_date, least(replier, answered), greatest(replier, answered)

)

select
    platform,
    community,
    month_start_date,
    count(*) as reply_pairs_n,
    count(case when directions_n = 2 then 1 end) as mutual_pairs_n
from pairs
group by platform, community, month_start_date
