{% set window_days = 90 %}
{#- With fewer posts the community's own slope would be noise: nothing is corrected then. -#}
{% set slope_min_n = 30 %}

with

days as (

    select
        platform,
        community,
        contribution_date,
        posts is not null or comments is not null or messages is not null as is_day_known,
        posts is not null as are_posts_known,
        comments is not null as are_comments_known,
        messages is not null as are_messages_known,
        coalesce(has_threads, false) as has_threads,
        coalesce(has_messages, false) as has_messages,
        authors_unobserved_n,
        {{ sum_of_kinds() }} as contributions_n,
        coalesce(is_silent_everywhere, false) as is_silent,
        is_posts_complete or is_comments_complete or coalesce(is_messages_complete, false) as is_any_kind_whole,
        is_day_complete
    from {{ ref('fct_community_daily') }}

),

last_days as (

    select
        platform,
        community,
        min(case when is_day_known then contribution_date end) as first_date,
        coalesce(
            max(case when is_day_complete then contribution_date end),
            max(case when is_day_known then contribution_date end)
        ) as window_end_date
    from days
    group by platform, community

),

windows as (

    select
        platform,
        community,
        -- Not before anything is known of the community.
        greatest(
            cast({{ dbt.dateadd('day', 1 - window_days, 'window_end_date') }} as date), first_date
        ) as window_start_date,
        window_end_date
    from last_days
    where window_end_date is not null

),

known_days as (

    select
        days.platform,
        days.community,
        {{ iso_weekday('days.contribution_date') }} as weekday,
        count(case when days.is_any_kind_whole and not days.is_silent then 1 end) as whole_days_n,
        count(case when days.are_posts_known then 1 end) as days_posts_known_n,
        count(case when days.are_comments_known then 1 end) as days_comments_known_n,
        count(case when days.are_messages_known then 1 end) as days_messages_known_n,
        max(case when days.has_threads then 1 else 0 end) as has_threads,
        max(case when days.has_messages then 1 else 0 end) as has_messages,
        sum(days.authors_unobserved_n) as authors_unobserved_n,
        sum(days.contributions_n) as contributions_n,
        count(case when days.is_silent then 1 end) as days_silent_n,
        count(case when days.is_day_complete then 1 end) as days_complete_n
    from days
    inner join windows
        on days.platform = windows.platform
        and days.community = windows.community
        and days.contribution_date between windows.window_start_date and windows.window_end_date
    group by days.platform, days.community, {{ iso_weekday('days.contribution_date') }}

),

completeness as (

    select
        platform,
        community,
        cast(sum(days_complete_n) as bigint) as days_complete_n,
        cast(sum(days_posts_known_n) as bigint) as days_posts_known_n,
        cast(sum(days_comments_known_n) as bigint) as days_comments_known_n,
        cast(sum(days_messages_known_n) as bigint) as days_messages_known_n,
        max(has_threads) = 1 as has_threads,
        max(has_messages) = 1 as has_messages,
        sum(authors_unobserved_n) as authors_unobserved_n,
        {{ is_without_authors('sum(authors_unobserved_n)', 'sum(contributions_n)') }} as is_without_authors,
        cast(sum(days_silent_n) as bigint) as days_silent_n
    from known_days
    group by platform, community

),

weekdays as (

    {% for weekday in range(1, 8) -%}
    select cast({{ weekday }} as bigint) as weekday
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

hours as (

    {% for hour in range(24) -%}
    select cast({{ hour }} as bigint) as hour_utc
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Of a day that was looked at in part, those of its hours count that were looked at whole.
partial_hours as (

    select
        days.platform,
        days.community,
        {{ iso_weekday('days.contribution_date') }} as weekday,
        hours.hour_utc,
        count(distinct days.contribution_date) as hours_n
    from days
    inner join windows
        on days.platform = windows.platform
        and days.community = windows.community
        and days.contribution_date between windows.window_start_date and windows.window_end_date
    cross join hours
    inner join {{ ref('int_coverage_stretches') }} as stretches
        on days.platform = stretches.platform
        and days.community = stretches.community
        and days.contribution_date = stretches.contribution_date
        and {{ hours_between(utc_day_start('days.contribution_date'), 'stretches.looked_from') }} <= hours.hour_utc
        and {{ hours_between(utc_day_start('days.contribution_date'), 'stretches.looked_to') }} >= hours.hour_utc + 1
    where days.is_day_known and not days.is_any_kind_whole
    group by days.platform, days.community, {{ iso_weekday('days.contribution_date') }}, hours.hour_utc

),

cells as (

    select
        windows.*,
        weekdays.weekday,
        hours.hour_utc,
        coalesce(known_days.whole_days_n, 0) + coalesce(partial_hours.hours_n, 0) as hours_n
    from windows
    cross join weekdays
    cross join hours
    left join known_days
        on windows.platform = known_days.platform
        and windows.community = known_days.community
        and weekdays.weekday = known_days.weekday
    left join partial_hours
        on windows.platform = partial_hours.platform
        and windows.community = partial_hours.community
        and weekdays.weekday = partial_hours.weekday
        and hours.hour_utc = partial_hours.hour_utc

),

activity as (

    select
        hourly.platform,
        hourly.community,
        {{ iso_weekday('hourly.contribution_date') }} as weekday,
        hourly.hour_utc,
        sum(hourly.posts) as posts,
        sum(hourly.contributors) as contributor_hours
    from {{ ref('int_community_hours') }} as hourly
    inner join windows
        on hourly.platform = windows.platform
        and hourly.community = windows.community
        and hourly.contribution_date between windows.window_start_date and windows.window_end_date
    group by hourly.platform, hourly.community, {{ iso_weekday('hourly.contribution_date') }}, hourly.hour_utc

),

active_cells as (

    select
        cells.*,
        coalesce(activity.posts, 0) as posts,
        {{ share('coalesce(activity.contributor_hours, 0)', 'cells.hours_n') }} as active_contributors_per_h
    from cells
    left join activity
        on cells.platform = activity.platform
        and cells.community = activity.community
        and cells.weekday = activity.weekday
        and cells.hour_utc = activity.hour_utc

),

posts as (

    select
        latest.platform,
        latest.community,
        latest.contribution_id,
        latest.author_role,
        case when latest.is_by_contributor then latest.author_key end as contributor_key,
        {{ iso_weekday('latest.contribution_date') }} as weekday,
        {{ utc_hour('latest.created_at') }} as hour_utc
    from {{ ref('int_contributions_latest') }} as latest
    inner join windows
        on latest.platform = windows.platform
        and latest.community = windows.community
        and latest.contribution_date between windows.window_start_date and windows.window_end_date
    where latest.kind = 'post' and {{ is_proven() }}

),

voices as (

    select
        platform,
        community,
        weekday,
        hour_utc,
        contributor_key
    from posts
    where contributor_key is not null
    group by platform, community, weekday, hour_utc, contributor_key

),

people as (

    select
        platform,
        community,
        weekday,
        hour_utc,
        count(*) as contributors
    from voices
    group by platform, community, weekday, hour_utc

),

observed as (

    select
        seen.platform,
        seen.community,
        seen.contribution_id,
        seen.age_label,
        seen.target_age_h,
        seen.is_settled,
        seen.score
    from {{ ref('fct_engagement_at_age') }} as seen
    inner join posts
        on seen.platform = posts.platform
        and seen.community = posts.community
        and seen.contribution_id = posts.contribution_id
    where seen.kind = 'post' and seen.score is not null and posts.author_role not in ('bot', 'team')

),

by_age as (
    {{ rows_by_age('observed', ['platform', 'community', 'contribution_id', 'score']) }}

),

ages as (
    {{ age_of_scope('by_age', ['platform', 'community']) }}

),

at_age as (

    select by_age.*
    from by_age
    inner join ages
        on by_age.platform = ages.platform
        and by_age.community = ages.community
        and by_age.age_label = ages.age_label

),

-- Scores are spread over powers of ten, so they are compared as logarithms; below zero counts as zero. Six digits make
-- sums exact, so that the order of rows cannot show in the last digit.
scored as (

    select
        posts.platform,
        posts.community,
        posts.weekday,
        posts.hour_utc,
        cast(ln(1 + greatest(at_age.score, 0)) as decimal(9, 6)) as log_score,
        cast(ln(1 + coalesce(active_cells.active_contributors_per_h, 0)) as decimal(9, 6)) as log_active
    from posts
    inner join at_age
        on posts.platform = at_age.platform
        and posts.community = at_age.community
        and posts.contribution_id = at_age.contribution_id
    inner join active_cells
        on posts.platform = active_cells.platform
        and posts.community = active_cells.community
        and posts.weekday = active_cells.weekday
        and posts.hour_utc = active_cells.hour_utc
    where posts.author_role not in ('bot', 'team')

),

sums as (

    select
        platform,
        community,
        count(*) as n,
        cast(sum(log_active) as double) as active,
        cast(sum(log_score) as double) as scores,
        cast(sum(log_active * log_active) as double) as active_active,
        cast(sum(log_active * log_score) as double) as active_score,
        cast(sum(log_score * log_score) as double) as score_score
    from scored
    group by platform, community

),

moments as (

    select
        platform,
        community,
        n,
        active / n as mean_active,
        scores / n as mean_score,
        active_active - active * active / n as sxx,
        active_score - active * scores / n as sxy,
        score_score - scores * scores / n as syy
    from sums

),

-- A least-squares line through the posts: what a score is at an hour at which so many are active.
lines as (

    select
        *,
        case when n >= {{ slope_min_n }} and sxx > 1e-6 then sxy / sxx else 0 end as slope,
        case
            when n > 2 then sqrt(greatest(
                0.0, syy - case when n >= {{ slope_min_n }} and sxx > 1e-6 then sxy * sxy / sxx else 0 end
            ) / (n - 2))
        end as sd
    from moments

),

scored_cells as (

    select
        platform,
        community,
        weekday,
        hour_utc,
        count(*) as scores_n,
        cast(sum(log_score) as double) / count(*) as mean_score,
        cast(max(log_active) as double) as log_active
    from scored
    group by platform, community, weekday, hour_utc

),

compared as (

    select
        scored_cells.platform,
        scored_cells.community,
        scored_cells.weekday,
        scored_cells.hour_utc,
        scored_cells.scores_n,
        scored_cells.mean_score - lines.mean_score
            - lines.slope * (scored_cells.log_active - lines.mean_active) as log_ratio,
        {{ z() }} * lines.sd / sqrt(scored_cells.scores_n) as half_width
    from scored_cells
    inner join lines
        on scored_cells.platform = lines.platform
        and scored_cells.community = lines.community

),

joined as (

    select
        active_cells.*,
        completeness.days_complete_n,
        completeness.days_posts_known_n,
        completeness.days_comments_known_n,
        completeness.days_messages_known_n,
        completeness.has_threads,
        completeness.has_messages,
        completeness.authors_unobserved_n,
        completeness.is_without_authors,
        completeness.days_silent_n,
        coalesce(people.contributors, 0) as contributors,
        coalesce(compared.scores_n, 0) as scores_n,
        ages.age_label,
        compared.log_ratio,
        compared.half_width
    from active_cells
    left join ages
        on active_cells.platform = ages.platform
        and active_cells.community = ages.community
    inner join completeness
        on active_cells.platform = completeness.platform
        and active_cells.community = completeness.community
    {%- for other in ['people', 'compared'] %}
    left join {{ other }}
        on active_cells.platform = {{ other }}.platform
        and active_cells.community = {{ other }}.community
        and active_cells.weekday = {{ other }}.weekday
        and active_cells.hour_utc = {{ other }}.hour_utc
    {%- endfor %}

)

-- Scores enter with six digits.
select
    platform,
    community,
    weekday,
    hour_utc,
    window_start_date,
    window_end_date,
    hours_n,
    cast(case when days_posts_known_n > 0 then posts end as bigint) as posts,
    case when days_posts_known_n > 0 and not is_without_authors then contributors end as contributors,
    case when not is_without_authors then active_contributors_per_h end as active_contributors_per_h,
    age_label,
    scores_n,
    case when {{ is_enough('scores_n') }} then round(exp(log_ratio), 6) end as score_vs_usual,
    case when {{ is_enough('scores_n') }} then round(exp(log_ratio - half_width), 6) end as score_vs_usual_low,
    case when {{ is_enough('scores_n') }} then round(exp(log_ratio + half_width), 6) end as score_vs_usual_high,
    cast({{ window_days }} as bigint) as days_n,
    days_complete_n,
    days_silent_n,
    days_complete_n = {{ window_days }} as is_period_complete,
    {{ caveats(merged([kind_caveats('days_{}_known_n'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'days_complete_n < ' ~ window_days,
        'silent_everywhere': 'days_silent_n > 0',
        'small_n': 'not (' ~ is_enough('scores_n') ~ ')',
    }])) }} as caveat
from joined
