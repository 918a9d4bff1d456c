{% set complete_days_before -%}
    coalesce(sum(months.days_complete_n) over (
        partition by histories.platform, histories.community order by calendar.month_start_date
        rows between unbounded preceding and 1 preceding
    ), 0)
{%- endset %}

with

without_authors as (

    select * from {{ ref('int_days_without_authors') }}

),

-- Days with contributions that nobody looked at belong to the calendar, and are not known.
tried_days as (

    select
        platform,
        community,
        contribution_date,
        0 as are_posts_known,
        0 as are_comments_known,
        0 as are_messages_known,
        0 as is_complete
    from {{ ref('int_community_days') }}
    union all
    select
        platform,
        community,
        contribution_date,
        case when posts_looked_h > 0 then 1 else 0 end as are_posts_known,
        case when comments_looked_h > 0 then 1 else 0 end as are_comments_known,
        case when messages_looked_h > 0 then 1 else 0 end as are_messages_known,
        case when is_complete then 1 else 0 end as is_complete
    from {{ ref('int_day_outcomes') }}

),

days as (

    select
        platform,
        community,
        {{ period_start('month', 'contribution_date') }} as month_start_date,
        contribution_date,
        max(are_posts_known) as are_posts_known,
        max(are_comments_known) as are_comments_known,
        max(are_messages_known) as are_messages_known,
        greatest(max(are_posts_known), max(are_comments_known), max(are_messages_known)) as is_known,
        max(is_complete) as is_complete
    from tried_days
    group by platform, community, contribution_date

),

months as (

    select
        platform,
        community,
        month_start_date,
        cast(sum(is_known) as bigint) as days_known_n,
        cast(sum(are_posts_known) as bigint) as days_posts_known_n,
        cast(sum(are_comments_known) as bigint) as days_comments_known_n,
        cast(sum(are_messages_known) as bigint) as days_messages_known_n,
        cast(sum(is_complete) as bigint) as days_complete_n
    from days
    group by platform, community, month_start_date

),

authors as (

    select
        counted.platform,
        counted.community,
        {{ period_start('month', 'counted.contribution_date') }} as month_start_date,
        sum({{ sum_of_kinds('counted.') }}) as contributions_n,
        sum(without_authors.authors_unobserved_n) as authors_unobserved_n
    from {{ ref('int_community_days') }} as counted
    left join without_authors
        on counted.platform = without_authors.platform
        and counted.community = without_authors.community
        and counted.contribution_date = without_authors.contribution_date
    group by counted.platform, counted.community, {{ period_start('month', 'counted.contribution_date') }}

),

histories as (

    select
        platform,
        community,
        min(case when is_known = 1 then contribution_date end) as history_start_date,
        min(month_start_date) as first_month_date,
        max(month_start_date) as last_month_date
    from days
    group by platform, community

),

-- Months in between of which nobody brought a day belong to the calendar too.
calendar as (

    select distinct month_start_date from months

)

select
    histories.platform,
    histories.community,
    calendar.month_start_date,
    cast({{ dbt.datediff(
        'calendar.month_start_date', dbt.dateadd('month', 1, 'calendar.month_start_date'), 'day'
    ) }} as bigint) as days_n,
    cast(coalesce(months.days_complete_n, 0) as bigint) as days_complete_n,
    coalesce(months.days_complete_n, 0) = {{ dbt.datediff(
        'calendar.month_start_date', dbt.dateadd('month', 1, 'calendar.month_start_date'), 'day'
    ) }} as is_period_complete,
    cast(coalesce(months.days_known_n, 0) as bigint) as days_known_n,
    cast(coalesce(months.days_posts_known_n, 0) as bigint) as days_posts_known_n,
    cast(coalesce(months.days_comments_known_n, 0) as bigint) as days_comments_known_n,
    cast(coalesce(months.days_messages_known_n, 0) as bigint) as days_messages_known_n,
    {%- for flag, known_n in {
        'has_threads': 'months.days_posts_known_n + months.days_comments_known_n', 'has_messages': 'months.days_messages_known_n'
    }.items() %}
    coalesce(max({{ known_n }}) over (
        partition by histories.platform, histories.community order by calendar.month_start_date
        rows between unbounded preceding and current row
    ), 0) > 0 as {{ flag }},
    {%- endfor %}
    cast(coalesce(authors.authors_unobserved_n, 0) as bigint) as authors_unobserved_n,
    {{ is_without_authors('authors.authors_unobserved_n', 'authors.contributions_n') }} as is_without_authors,
    histories.history_start_date,
    cast({{ complete_days_before }} as bigint) as history_days_n,
    {{ complete_days_before }} < {{ var('left_censored_days') }} as is_left_censored
from histories
inner join calendar
    on calendar.month_start_date between histories.first_month_date and histories.last_month_date
left join months
    on histories.platform = months.platform
    and histories.community = months.community
    and calendar.month_start_date = months.month_start_date
left join authors
    on histories.platform = authors.platform
    and histories.community = authors.community
    and calendar.month_start_date = authors.month_start_date
