{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{% set share_before = share('contributions_before', 'community_contributions') %}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where is_by_contributor and {{ is_proven() }} and {{ is_month_affected_or_later('month_start_date') }}

),

counted as (

    select
        platform,
        community,
        month_start_date,
        author_key,
        cast(sum(case when kind = 'post' then 1 else 0 end) as bigint) as posts,
        cast(sum(case when kind = 'comment' then 1 else 0 end) as bigint) as comments,
        cast(sum(case when kind = 'message' then 1 else 0 end) as bigint) as messages,
        count(*) as contributions,
        min(contribution_date) as first_contribution_date
    from contributions
    group by platform, community, month_start_date, author_key

),

-- The key decides between equals, so that the same people have the same roles whatever the order of rows.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date order by contributions desc, author_key
        ) as activity_rank,
        sum(contributions) over (
            partition by platform, community, month_start_date order by contributions desc, author_key
            rows between unbounded preceding and current row
        ) - contributions as contributions_before,
        sum(contributions) over (partition by platform, community, month_start_date) as community_contributions,
        count(*) over (partition by platform, community, month_start_date) as community_contributors
    from counted

),

-- By the share before: who alone writes nearly everything is core, not what is left over after the core.
with_roles as (

    select
        platform,
        community,
        month_start_date,
        author_key,
        posts,
        comments,
        messages,
        contributions,
        first_contribution_date,
        activity_rank,
        cast(contributions_before as bigint) as contributions_before,
        cast(community_contributions as bigint) as community_contributions,
        community_contributors,
        case
            when {{ share_before }} < {{ var('core_share') }} then 'core'
            when {{ share_before }} < {{ var('regular_share') }} then 'regular'
            else 'casual'
        end as role
    from ranked

),

history as (

    select
        platform,
        community,
        author_key,
        month_start_date,
        first_contribution_date,
        role
    from with_roles
    {%- if is_partial_build() %}
    union all
    select
        platform,
        community,
        author_key,
        month_start_date,
        first_contribution_date,
        role
    from {{ this }}
    where (platform, community, author_key) in (select platform, community, author_key from with_roles)
    {%- endif %}

),

looked_back as (

    select
        platform,
        community,
        author_key,
        month_start_date,
        min(first_contribution_date) over (partition by platform, community, author_key) as new_contributor_date,
        lag(month_start_date) over (
            partition by platform, community, author_key order by month_start_date
        ) as active_before_date,
        lag(role) over (
            partition by platform, community, author_key order by month_start_date
        ) as active_before_role
    from history

)

select
    with_roles.*,
    looked_back.new_contributor_date,
    case
        when {{ dbt.dateadd('month', 1, 'looked_back.active_before_date') }} = with_roles.month_start_date
            then looked_back.active_before_role
    end as role_before
from with_roles
inner join looked_back
    on with_roles.platform = looked_back.platform
    and with_roles.community = looked_back.community
    and with_roles.author_key = looked_back.author_key
    and with_roles.month_start_date = looked_back.month_start_date
