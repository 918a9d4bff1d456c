{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_latest') }} where {{ is_affected('contribution_date') }}

)

select
    platform,
    community,
    contribution_date,
    cast(sum(case when kind = 'post' then 1 else 0 end) as bigint) as posts,
    cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
    count(distinct case when is_by_contributor then author_key end) as contributors,
    cast(sum(score) as bigint) as score_sum,
    count(score) as score_observed_n,
    cast(sum(reply_count) as bigint) as reply_count_sum,
    count(reply_count) as reply_count_observed_n,
    cast(sum(award_count) as bigint) as award_count_sum,
    count(award_count) as award_count_observed_n,
    cast(sum(case when is_removed then 1 else 0 end) as bigint) as removed
from contributions
group by platform, community, contribution_date
