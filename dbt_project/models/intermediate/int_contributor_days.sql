{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ remember_affected_keys('affected_contributors', ['platform', 'community', 'author_key']) }}",
        "{{ delete_affected_dates() }}",
    ],
) }}

with

contributions as (

    select * from {{ ref('fct_contributions') }}
    where author_key is not null and {{ is_affected('contribution_date') }}

)

select
    platform,
    community,
    author_key,
    contribution_date,
    max(author_role) as author_role,
    cast(sum(case when kind = 'post' then 1 else 0 end) as bigint) as posts,
    cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
    cast(sum(score) as bigint) as score_sum,
    min(created_at) as first_contribution_at,
    max(created_at) as last_contribution_at
from contributions
group by platform, community, author_key, contribution_date
