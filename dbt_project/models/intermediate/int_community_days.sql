{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select
        *,
        {{ is_proven() }} as is_proven
    from {{ ref('int_contributions_latest') }}
    where {{ is_affected('contribution_date') }}

)

select
    platform,
    community,
    contribution_date,
    cast(sum(case when is_proven and kind = 'post' then 1 else 0 end) as bigint) as posts,
    cast(sum(case when is_proven and kind = 'comment' then 1 else 0 end) as bigint) as comments,
    cast(sum(case when is_proven and kind = 'message' then 1 else 0 end) as bigint) as messages,
    count(distinct case when is_proven and is_by_contributor then author_key end) as contributors,
    cast(sum(case when is_proven then score end) as bigint) as score_sum,
    count(case when is_proven then score end) as score_observed_n,
    cast(sum(case when is_proven then reply_count end) as bigint) as reply_count_sum,
    count(case when is_proven then reply_count end) as reply_count_observed_n,
    cast(sum(case when is_proven and kind = 'post' then reply_count end) as bigint) as platform_replies,
    count(case when is_proven and kind = 'post' then reply_count end) as platform_replies_observed_n,
    {{ median_reply_age_h("is_proven and kind = 'post'") }} as platform_replies_age_h,
    cast(sum(case when is_proven then award_count end) as bigint) as award_count_sum,
    count(case when is_proven then award_count end) as award_count_observed_n,
    cast(sum(case when is_proven and is_removed then 1 else 0 end) as bigint) as removed,
    count(case when not is_proven then 1 end) as unproven_n
from contributions
group by platform, community, contribution_date
