{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and author_key is not null and sentiment_label is not null
        and {{ is_affected('contribution_date') }}

),

counted as (

    select
        platform,
        community,
        contribution_date,
        author_key,
        {{ sentiment_counts() }}
    from contributions
    group by platform, community, contribution_date, author_key

)

-- However much somebody writes on a day, it is one voice: for, against, or neither.
select
    platform,
    community,
    contribution_date,
    author_key,
    scored_n,
    cast(sign(positive_n - negative_n) as bigint) as voice
from counted
