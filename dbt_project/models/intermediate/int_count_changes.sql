{#- What each count is a sum of, and which days may be summed: those of which everything of that kind was looked at. -#}
{% set counts = ['contributions', 'posts', 'comments', 'messages', 'contributors', 'likes', 'awards', 'reactions'] %}
{% set key = 'platform, community, month_start_date' %}
{#- Each day of the week has to be there so often, or its usual height cannot be told from chance. -#}
{% set weekday_min_n = 2 %}

with

days_of_communities as (

    select
        platform,
        community,
        contribution_date,
        1 as is_known,
        0 as is_complete
    from {{ ref('int_community_days') }}
    union all
    select
        platform,
        community,
        contribution_date,
        case when is_complete then 1 else 0 end as is_known,
        case when is_complete then 1 else 0 end as is_complete
    from {{ ref('int_day_outcomes') }}

),

days_in_communities as (

    select
        platform,
        community,
        contribution_date,
        {{ period_start('month', 'contribution_date') }} as month_start_date,
        max(is_known) as is_known,
        max(is_complete) as is_complete
    from days_of_communities
    group by platform, community, contribution_date

),

months_of_communities as (

    select
        {{ key }},
        max(is_known) as is_known,
        lag(month_start_date) over (partition by platform, community order by month_start_date) as date_before,
        lag(max(is_known)) over (partition by platform, community order by month_start_date) as is_known_before
    from days_in_communities
    group by {{ key }}

),

-- All communities together have a complete day where each one has of which anything is known in the month or the one
-- before: one that never arrives is in neither, and hides nothing.
days_in_scopes as (

    select platform, community, contribution_date, is_complete
    from days_in_communities
    union all
    select
        '*' as platform,
        '*' as community,
        days_in_communities.contribution_date,
        min(days_in_communities.is_complete) as is_complete
    from days_in_communities
    inner join months_of_communities
        on days_in_communities.platform = months_of_communities.platform
        and days_in_communities.community = months_of_communities.community
        and days_in_communities.month_start_date = months_of_communities.month_start_date
    where months_of_communities.is_known = 1
        or (
            months_of_communities.is_known_before = 1
            and months_of_communities.date_before
            = cast({{ dbt.dateadd('month', -1, 'months_of_communities.month_start_date') }} as date)
        )
    group by days_in_communities.contribution_date

),

complete_days as (

    select
        platform,
        community,
        {{ period_start('month', 'contribution_date') }} as month_start_date,
        contribution_date,
        {{ iso_weekday('contribution_date') }} as weekday
    from days_in_scopes
    where is_complete = 1

),

month_days as (

    select * from {{ ref('int_month_days') }}

),

-- Nothing was written on a complete day that has no row. What cannot be seen at all (awards, say) makes no series.
series as (

    {% for count in counts -%}
    select
        complete_days.*,
        '{{ count }}' as figure,
        {% if count in ['likes', 'awards', 'reactions'] -%}
        case when month_days.contribution_date is null then 0 else month_days.{{ count }} end as n
        {%- else -%}
        coalesce(month_days.{{ count }}, 0) as n
        {%- endif %}
    from complete_days
    left join month_days
        on complete_days.platform = month_days.platform
        and complete_days.community = month_days.community
        and complete_days.contribution_date = month_days.contribution_date
    {%- if count == 'messages' %}
    -- Most communities have no chat, and no series of it.
    where (complete_days.platform, complete_days.community) in (
        select platform, community from month_days where messages > 0
    )
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

weekdays as (

    select
        {{ key }},
        figure,
        weekday,
        count(*) as days_n,
        count(n) as seen_n,
        cast(sum(n) as bigint) as total
    from series
    group by {{ key }}, figure, weekday

),

-- How far each day lies from what is usual on its weekday, in Poisson's standard errors. Six digits make sums exact, so
-- that the order of rows cannot show in the last digit.
residuals as (

    select
        series.platform,
        series.community,
        series.month_start_date,
        series.figure,
        series.contribution_date,
        cast(case
            when weekdays.total > 0
                then (series.n - cast(weekdays.total as double) / weekdays.days_n)
                    / sqrt(cast(weekdays.total as double) / weekdays.days_n)
            else 0
        end as decimal(18, 6)) as residual
    from series
    inner join weekdays
        on series.platform = weekdays.platform
        and series.community = weekdays.community
        and series.month_start_date = weekdays.month_start_date
        and series.figure = weekdays.figure
        and series.weekday = weekdays.weekday

),

neighbours as (

    select
        *,
        lag(residual) over (partition by {{ key }}, figure order by contribution_date) as residual_before,
        lag(contribution_date) over (partition by {{ key }}, figure order by contribution_date) as date_before
    from residuals

),

spreads as (

    select
        {{ key }},
        figure,
        cast(sum(residual * residual) as double) as squares,
        cast(sum(case
            when date_before = cast({{ dbt.dateadd('day', -1, 'contribution_date') }} as date)
                then residual * residual_before
            else 0
        end) as double) as products
    from neighbours
    group by {{ key }}, figure

),

-- Of months of which enough is known. Sums of scores may be below zero, where no dispersion of this kind can be told.
totals as (

    select
        {{ key }},
        figure,
        cast(sum(days_n) as bigint) as days_complete_n,
        cast(sum(total) as bigint) as total
    from weekdays
    group by {{ key }}, figure
    having count(*) = 7 and min(days_n) >= {{ weekday_min_n }} and sum(days_n) = sum(seen_n) and min(total) >= 0

),

-- The people of the complete days. Who wrote on few of them might not have been met in a shorter month.
complete_bits as (

    select
        {{ key }},
        bit_or({{ bit_at(dbt.datediff('month_start_date', 'contribution_date', 'day')) }}) as day_bits
    from complete_days
    group by {{ key }}

),

people as (

    select
        complete_bits.platform,
        complete_bits.community,
        complete_bits.month_start_date,
        bit_count(people.day_bits & complete_bits.day_bits) as active_days,
        count(*) as people_n
    from complete_bits
    inner join {{ ref('int_contributor_periods') }} as people
        on complete_bits.platform = people.platform
        and complete_bits.community = people.community
        and complete_bits.month_start_date = people.period_start_date
    where people.period = 'month' and people.day_bits & complete_bits.day_bits > 0
    group by
        complete_bits.platform,
        complete_bits.community,
        complete_bits.month_start_date,
        bit_count(people.day_bits & complete_bits.day_bits)

),

people_totals as (

    select
        {{ key }},
        cast(sum(people_n) as bigint) as people_n
    from people
    group by {{ key }}

),

-- A person counts once, on however many days they wrote: only what many people did on the same days adds to the error.
months as (

    select
        totals.*,
        cast(totals.days_complete_n - 7 as double) as degrees,
        spreads.squares,
        spreads.products,
        case
            when totals.figure = 'contributors' then coalesce(people_totals.people_n, 0)
            else totals.total
        end as counted_n,
        case
            when totals.figure = 'contributors' and totals.total > 0
                then cast(coalesce(people_totals.people_n, 0) as double) / totals.total
            else 1
        end as once_share
    from totals
    inner join spreads
        on totals.platform = spreads.platform
        and totals.community = spreads.community
        and totals.month_start_date = spreads.month_start_date
        and totals.figure = spreads.figure
    left join people_totals
        on totals.platform = people_totals.platform
        and totals.community = people_totals.community
        and totals.month_start_date = people_totals.month_start_date

),

pairs as (

    select
        months.*,
        cast({{ dbt.datediff('months.month_start_date', dbt.dateadd('month', 1, 'months.month_start_date'), 'day') }}
            as bigint) as days_n,
        months_before.month_start_date as before_start_date,
        months_before.days_complete_n as days_before_n,
        months_before.counted_n as counted_before_n,
        months_before.once_share as once_share_before,
        months_before.degrees as degrees_before,
        months_before.squares as squares_before,
        months.degrees + months_before.degrees as degrees_of_both,
        months.squares + months_before.squares as squares_of_both,
        months.products + months_before.products as products_of_both
    from months
    left join months as months_before
        on months.platform = months_before.platform
        and months.community = months_before.community
        and months.figure = months_before.figure
        and months.month_start_date = cast({{ dbt.dateadd('month', 1, 'months_before.month_start_date') }} as date)

),

-- What the days of this month would have brought at the pace of the month before, each weekday at its own; and how much
-- less sure that is than a count of as much.
expected as (

    select
        now_days.platform,
        now_days.community,
        now_days.month_start_date,
        now_days.figure,
        cast(sum(cast(
            cast(now_days.days_n as double) * before_days.total / before_days.days_n as decimal(28, 6)
        )) as double) as expected_n,
        cast(sum(cast(
            cast(now_days.days_n as double) * now_days.days_n * before_days.total / before_days.days_n
            / before_days.days_n as decimal(28, 6)
        )) as double) as expected_variance
    from weekdays as now_days
    inner join weekdays as before_days
        on now_days.platform = before_days.platform
        and now_days.community = before_days.community
        and now_days.figure = before_days.figure
        and now_days.weekday = before_days.weekday
        and now_days.month_start_date = cast({{ dbt.dateadd('month', 1, 'before_days.month_start_date') }} as date)
    group by now_days.platform, now_days.community, now_days.month_start_date, now_days.figure

),

-- People of as many days as the shorter of both months has: each left out with the chance that all their days were. Both
-- months of a pair are looked at, so each month stands here twice: as itself, and as the one before another.
shortened as (

    {% for side, start in [('now', 'pairs.month_start_date'), ('before', 'pairs.before_start_date')] -%}
    {%- set own, other = ('days_complete_n', 'days_before_n') if side == 'now' else ('days_before_n', 'days_complete_n') -%}
    select
        '{{ side }}' as side,
        pairs.platform,
        pairs.community,
        pairs.month_start_date,
        cast(sum(people.people_n * cast(
            1 - case
                when pairs.{{ own }} > pairs.{{ other }}
                    then power(1 - cast(pairs.{{ other }} as double) / pairs.{{ own }}, people.active_days)
                else 0
            end as decimal(13, 12)
        )) as double) as people_n
    from pairs
    inner join people
        on pairs.platform = people.platform
        and pairs.community = people.community
        and {{ start }} = people.month_start_date
    where pairs.figure = 'contributors' and pairs.before_start_date is not null
    group by pairs.platform, pairs.community, pairs.month_start_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

with_both as (

    select
        pairs.*,
        case
            when pairs.figure = 'contributors' then coalesce(shortened_now.people_n, 0)
            else cast(pairs.counted_n as double)
        end as compared_n,
        case
            when pairs.before_start_date is null then null
            when pairs.figure = 'contributors' then coalesce(shortened_before.people_n, 0)
            else expected.expected_n
        end as expected_n,
        case
            when pairs.figure <> 'contributors' and expected.expected_n > 0
                then expected.expected_variance / expected.expected_n
            else 1
        end as expected_spread,
        -- Whole months; of people the days compared are those of the shorter month.
        case
            when pairs.figure = 'contributors' then 1
            else cast(pairs.days_n as double) / pairs.days_complete_n
        end as scale,
        cast(least(pairs.days_complete_n, pairs.days_before_n) as double) as days_compared_n
    from pairs
    left join expected
        on pairs.platform = expected.platform
        and pairs.community = expected.community
        and pairs.month_start_date = expected.month_start_date
        and pairs.figure = expected.figure
    {%- for side in ['now', 'before'] %}
    left join shortened as shortened_{{ side }}
        on shortened_{{ side }}.side = '{{ side }}'
        and pairs.platform = shortened_{{ side }}.platform
        and pairs.community = shortened_{{ side }}.community
        and pairs.month_start_date = shortened_{{ side }}.month_start_date
    {%- endfor %}

),

-- Each month varies in its own way; how much a day takes after the one before is better told from both.
remembered as (

    select
        *,
        {{ memory_of_days('products', 'squares') }} as memory,
        {{ memory_of_days('products_of_both', 'squares_of_both') }} as memory_of_both
    from with_both

),

with_errors as (

    select
        *,
        1 + ({{ dispersion('squares', 'degrees', 'memory') }} - 1) * once_share as dispersion,
        1 + ({{ dispersion('squares', 'degrees', 'memory_of_both') }} - 1) * once_share as compared_dispersion,
        (1 + ({{ dispersion('squares_before', 'degrees_before', 'memory_of_both') }} - 1) * once_share_before)
            * expected_spread as expected_dispersion,
        {{ student_t('degrees') }} as quantile,
        {{ student_t('degrees_of_both') }} as quantile_of_both
    from remembered

),

{% set now = ['compared_n', count_low('compared_n', 'compared_dispersion', 'quantile_of_both'),
    count_high('compared_n', 'compared_dispersion', 'quantile_of_both')] -%}
{% set before = ['expected_n', count_low('expected_n', 'expected_dispersion', 'quantile_of_both'),
    count_high('expected_n', 'expected_dispersion', 'quantile_of_both')] -%}
{% set both = now + before -%}

compared as (

    select
        *,
        scale * (compared_n - expected_n) as change,
        scale * ({{ difference_low(*both) }}) as change_low,
        scale * ({{ difference_high(*both) }}) as change_high
    from with_errors

)

select
    platform,
    community,
    month_start_date,
    figure,
    days_complete_n,
    days_before_n,
    dispersion,
    quantile,
    change,
    change_low,
    change_high,
    {{ is_clear('change_low', 'change_high') }} as is_change_clear,
    (compared_n - expected_n) / nullif(expected_n, 0) as change_share,
    case when figure = 'contributors' then counted_n / nullif(compared_n, 0) end as people_scale,
    case
        when figure = 'contributors' and before_start_date is not null
            then counted_before_n / nullif(expected_n, 0)
    end as people_scale_before,
    days_compared_n / days_complete_n as days_scale,
    days_compared_n / days_before_n as days_scale_before
from compared
