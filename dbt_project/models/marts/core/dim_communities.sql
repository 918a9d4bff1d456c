{% set written = sum_of_kinds() -%}

with

days as (

    select * from {{ ref('fct_community_daily') }}

),

contributors as (

    select
        platform,
        community,
        count(*) as contributors
    from {{ ref('int_contributors') }}
    where is_contributor
    group by platform, community

),

summed as (

    select
        platform,
        community,
        min(case when {{ written }} > 0 then contribution_date end) as first_contribution_date,
        max(case when {{ written }} > 0 then contribution_date end) as last_contribution_date,
        cast(sum(posts) as bigint) as posts,
        cast(sum(comments) as bigint) as comments,
        cast(sum(messages) as bigint) as messages,
        count(*) as days_tried,
        count(case when is_day_complete then 1 end) as days_complete,
        {%- for name in counted_kinds().values() %}
        count(case when {{ name }}_looked_h > 0 then 1 end) as days_{{ name }}_looked_at,
        count(case when is_{{ name }}_complete then 1 end) as days_{{ name }}_complete,
        {%- endfor %}
        min(case when {{ is_any_kind_known('{}_looked_h') }} then contribution_date end) as first_looked_at_date,
        max(case when {{ is_any_kind_known('{}_looked_h') }} then contribution_date end) as last_looked_at_date,
        sum(authors_unobserved_n) as authors_unobserved_n,
        sum({{ written }}) as contributions_n,
        max(case when is_never_seen then 1 else 0 end) = 1 as is_never_seen
    from days
    group by platform, community

)

select
    summed.platform,
    summed.community,
    summed.first_contribution_date,
    summed.last_contribution_date,
    summed.posts,
    summed.comments,
    summed.messages,
    cast(case
        when not {{ is_without_authors('summed.authors_unobserved_n', 'summed.contributions_n') }}
            then coalesce(contributors.contributors, 0)
    end as bigint) as contributors,
    summed.days_tried,
    summed.days_complete,
    summed.days_posts_looked_at,
    summed.days_posts_complete,
    summed.days_comments_looked_at,
    summed.days_comments_complete,
    summed.days_messages_looked_at,
    summed.days_messages_complete,
    summed.first_looked_at_date,
    summed.last_looked_at_date,
    summed.is_never_seen
from summed
left join contributors
    on summed.platform = contributors.platform
    and summed.community = contributors.community
