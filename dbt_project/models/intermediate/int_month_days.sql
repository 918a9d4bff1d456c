{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }} where {{ is_affected('contribution_date') }}

),

-- A day of all communities together beside those of each: what stands in two counts once, and so do people.
scopes as (

    {% for platform, community in [('platform', 'community'), ("'*'", "'*'")] -%}
    select
        {{ platform }} as platform,
        {{ community }} as community,
        month_start_date,
        contribution_date,
        kind,
        case when is_by_contributor then author_key end as contributor_key,
        score,
        award_count,
        reaction_count
    from contributions
    {{ 'where ' ~ is_counted_once() if loop.last else 'union all' }}
    {% endfor %}
)

select
    platform,
    community,
    month_start_date,
    contribution_date,
    count(*) as contributions,
    cast(sum(case when kind = 'post' then 1 else 0 end) as bigint) as posts,
    cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
    cast(sum(case when kind = 'message' then 1 else 0 end) as bigint) as messages,
    count(distinct contributor_key) as contributors,
    cast(sum(score) as bigint) as likes,
    cast(sum(award_count) as bigint) as awards,
    cast(sum(reaction_count) as bigint) as reactions
from scopes
group by platform, community, month_start_date, contribution_date
