{#- How often days that were found silent are left out of what is usual for later ones. One round finds the first four
    weeks of an outage or more; each further one about four more. -#}
{% set rounds = 4 -%}

with

looked_at as (

    select distinct platform, community from {{ ref('int_coverage') }} where is_looked_at and community <> '*'

),

by_source as (

    select
        by_source.*,
        by_source.looked_from = {{ utc_day_start('by_source.contribution_date') }}
            and by_source.looked_to = {{ utc_day_start(dbt.dateadd('day', 1, 'by_source.contribution_date')) }} as is_whole
    from {{ ref('int_coverage_by_source') }} as by_source
    inner join looked_at
        on by_source.platform = looked_at.platform
        and by_source.community = looked_at.community

),

kinds_read as (

    select
        platform,
        source,
        community,
        count(distinct kind) as kinds_n
    from by_source
    group by platform, source, community

),

counted as (

    select
        platform,
        community,
        contribution_date,
        {{ sum_of_kinds() }} as contributions_n
    from {{ ref('int_community_days') }}

),

looked_days as (

    select
        by_source.platform,
        by_source.source,
        by_source.community,
        by_source.contribution_date,
        count(case when by_source.is_whole then 1 end) = max(kinds_read.kinds_n) as is_whole,
        coalesce(max(counted.contributions_n), 0) as contributions_n
    from by_source
    inner join kinds_read
        on by_source.platform = kinds_read.platform
        and by_source.source = kinds_read.source
        and by_source.community = kinds_read.community
    left join counted
        on by_source.platform = counted.platform
        and by_source.community = counted.community
        and by_source.contribution_date = counted.contribution_date
    group by by_source.platform, by_source.source, by_source.community, by_source.contribution_date

),

-- Of one or two communities nobody can tell an outage from a quiet day.
candidates as (

    select
        platform,
        source,
        contribution_date
    from looked_days
    group by platform, source, contribution_date
    having sum(contributions_n) = 0 and count(case when is_whole then 1 end) >= {{ var('silent_min_communities') }}

),

silent_communities as (

    select looked_days.*
    from looked_days
    inner join candidates
        on looked_days.platform = candidates.platform
        and looked_days.source = candidates.source
        and looked_days.contribution_date = candidates.contribution_date
    where looked_days.is_whole

),

-- What the same communities wrote together on the same weekday before.
earlier_days as (

    select
        silent_communities.platform,
        silent_communities.source,
        silent_communities.contribution_date,
        earlier.contribution_date as earlier_date,
        sum(earlier.contributions_n) as contributions_n
    from silent_communities
    inner join looked_days as earlier
        on silent_communities.platform = earlier.platform
        and silent_communities.source = earlier.source
        and silent_communities.community = earlier.community
        and {{ iso_weekday('silent_communities.contribution_date') }} = {{ iso_weekday('earlier.contribution_date') }}
        and earlier.contribution_date < silent_communities.contribution_date
        and earlier.is_whole
    group by
        silent_communities.platform,
        silent_communities.source,
        silent_communities.contribution_date,
        earlier.contribution_date
    having count(*) >= {{ var('silent_min_communities') }}

),

{% for round in range(1, rounds + 1) -%}
recent_{{ round }} as (

    select
        earlier_days.*,
        row_number() over (
            partition by earlier_days.platform, earlier_days.source, earlier_days.contribution_date
            order by earlier_days.earlier_date desc
        ) as recency
    from earlier_days
    {%- if round > 1 %}
    left join silent_{{ round - 1 }} as silent
        on earlier_days.platform = silent.platform
        and earlier_days.source = silent.source
        and earlier_days.earlier_date = silent.contribution_date
    where silent.contribution_date is null
    {%- endif %}

),

silent_{{ round }} as (

    select
        platform,
        source,
        contribution_date,
        count(*) as earlier_days_n,
        percentile_cont(0.5) within group (order by contributions_n) as usual_contributions
    from recent_{{ round }}
    where recency <= {{ var('silent_earlier_days') }}
    group by platform, source, contribution_date
    having count(*) >= {{ var('silent_min_earlier_days') }}
        and percentile_cont(0.5) within group (order by contributions_n) >= {{ var('silent_usual_contributions') }}

),

{% endfor -%}
final as (

    select
        silent_communities.platform,
        silent_communities.community,
        silent_communities.contribution_date,
        silent_communities.source,
        silent.usual_contributions,
        silent.earlier_days_n
    from silent_communities
    inner join silent_{{ rounds }} as silent
        on silent_communities.platform = silent.platform
        and silent_communities.source = silent.source
        and silent_communities.contribution_date = silent.contribution_date

)

select * from final
