{%- set counts = ['visits', 'leads', 'sales'] -%}

with

-- Days on which a source of many communities showed nothing say nothing of communities.
days as (

    select * from {{ ref('fct_community_daily') }} where is_day_complete and not coalesce(is_silent_everywhere, false)

),

sentiment as (

    select * from {{ ref('fct_sentiment_daily') }} where is_day_complete

),

results as (

    select * from {{ ref('fct_business_results_daily') }}

),

-- What another community's copy stands for in totals over communities.
repeats as (

    select
        platform,
        community,
        contribution_date,
        count(case when kind = 'comment' then 1 end) as comments,
        count(case when {{ has_a_say() }} and sentiment_label = 'positive' then 1 end) as positive_n,
        count(case when {{ has_a_say() }} and sentiment_label = 'negative' then 1 end) as negative_n,
        count(case when {{ has_a_say() }} then sentiment_label end) as scored_n
    from {{ ref('fct_contributions') }}
    where is_repeat and is_looked_at
    group by platform, community, contribution_date

),

-- A series is what communities did (kpi) or what the business saw (result), by day.
kpis as (

    select platform, community, 'comments' as name, contribution_date as series_date, cast(comments as double) as value
    from days
    where is_comments_complete

    union all

    select platform, community, 'net_sentiment' as name, contribution_date as series_date, net_sentiment as value
    from sentiment
    where net_sentiment is not null

    union all

    -- All communities together, on days on which all of them arrived.
    select '*' as platform, '*' as community, 'comments' as name, days.contribution_date as series_date,
        cast(sum(days.comments - coalesce(repeats.comments, 0)) as double) as value
    from days
    left join repeats
        on days.platform = repeats.platform
        and days.community = repeats.community
        and days.contribution_date = repeats.contribution_date
    where days.communities_arrived_share = 1
    group by days.contribution_date
    having sum(days.comments) is not null

    union all

    select '*' as platform, '*' as community, 'net_sentiment' as name, sentiment.contribution_date as series_date,
        {{ net_sentiment(
            'sum(sentiment.positive_n - coalesce(repeats.positive_n, 0))',
            'sum(sentiment.negative_n - coalesce(repeats.negative_n, 0))',
            'sum(sentiment.scored_n - coalesce(repeats.scored_n, 0))'
        ) }} as value
    from sentiment
    inner join days
        on sentiment.platform = days.platform
        and sentiment.community = days.community
        and sentiment.contribution_date = days.contribution_date
    left join repeats
        on sentiment.platform = repeats.platform
        and sentiment.community = repeats.community
        and sentiment.contribution_date = repeats.contribution_date
    where days.communities_arrived_share = 1
    group by sentiment.contribution_date
    having {{ is_enough('sum(sentiment.scored_n - coalesce(repeats.scored_n, 0))') }}

),

placed as (

    select platform, community, result_date, currency, visits, leads, sales, revenue
    from results
    where community <> '*'

    union all

    -- All results together, those of no community in particular included.
    select '*' as platform, '*' as community, result_date, currency, visits, leads, sales, revenue
    from results

),

outcomes as (

    {% for count in counts -%}
    select platform, community, '{{ count }}' as name, '' as currency, result_date as series_date,
        cast(sum({{ count }}) as double) as value
    from placed
    where {{ count }} is not null
    group by platform, community, result_date

    union all

    {% endfor -%}
    select platform, community, 'revenue' as name, currency, result_date as series_date,
        cast(sum(revenue) as double) as value
    from placed
    where revenue is not null
    group by platform, community, currency, result_date

),

series as (

    select platform, community, name, '' as currency, series_date, value, true as is_kpi
    from kpis

    union all

    select platform, community, name, currency, series_date, value, false as is_kpi
    from outcomes

),

numbered as (

    select
        *,
        {{ day_number('series_date') }} as day_number,
        value - avg(value) over (
            partition by platform, community, name, currency, {{ weekday_number('series_date') }}
        ) as of_the_week
    from series

),

slopes as (

    select
        platform,
        community,
        name,
        currency,
        {{ slope('of_the_week', 'day_number') }} as slope
    from numbered
    group by platform, community, name, currency

),

-- What is left without the day of the week and without steady growth: two that grow need have nothing to do with each other.
residuals as (

    select
        numbered.platform,
        numbered.community,
        numbered.name,
        numbered.currency,
        numbered.is_kpi,
        numbered.series_date,
        numbered.of_the_week - coalesce(slopes.slope, 0) * numbered.day_number as residual
    from numbered
    inner join slopes
        on numbered.platform = slopes.platform
        and numbered.community = slopes.community
        and numbered.name = slopes.name
        and numbered.currency = slopes.currency

),

-- How much a day says of the next one: neighbours that resemble each other are not as many cases as days.
memories as (

    select
        earlier.platform,
        earlier.community,
        earlier.name,
        earlier.currency,
        {{ correlation('earlier.residual', 'later.residual') }} as memory
    from residuals as earlier
    inner join residuals as later
        on earlier.platform = later.platform
        and earlier.community = later.community
        and earlier.name = later.name
        and earlier.currency = later.currency
        and later.series_date = {{ dbt.dateadd('day', 1, 'earlier.series_date') }}
    group by earlier.platform, earlier.community, earlier.name, earlier.currency

),

lags as (

    {% for lag in range(var('impact_last_lag') + 1) -%}
    select {{ lag }} as lag_days{{ ' union all ' if not loop.last }}
    {% endfor %}
),

lagged as (

    select
        residuals.*,
        cast(lags.lag_days as bigint) as lag_days,
        cast({{ dbt.dateadd('day', 'lags.lag_days', 'residuals.series_date') }} as date) as result_date
    from residuals
    cross join lags
    where residuals.is_kpi

),

pairs as (

    select
        lagged.platform,
        lagged.community,
        lagged.name as kpi,
        outcome.name as result,
        outcome.currency,
        lagged.lag_days,
        min(lagged.series_date) as first_date,
        max(lagged.series_date) as last_date,
        count(*) as pairs_n,
        {{ correlation('lagged.residual', 'outcome.residual') }} as raw_correlation
    from lagged
    inner join residuals as outcome
        on lagged.platform = outcome.platform
        and lagged.community = outcome.community
        and lagged.result_date = outcome.series_date
        and not outcome.is_kpi
    group by
        lagged.platform, lagged.community, lagged.name, outcome.name, outcome.currency, lagged.lag_days

),

-- Seven cases are spent on the weekdays and the growth; of the rest as many count as would say the same if no day resembled
-- the one before it (Bartlett, M. S. (1935), Journal of the Royal Statistical Society 98, 536-543).
remembered as (

    select
        pairs.*,
        coalesce(kpi_memory.memory * result_memory.memory, 0) as memory
    from pairs
    left join memories as kpi_memory
        on pairs.platform = kpi_memory.platform
        and pairs.community = kpi_memory.community
        and pairs.kpi = kpi_memory.name
    left join memories as result_memory
        on pairs.platform = result_memory.platform
        and pairs.community = result_memory.community
        and pairs.result = result_memory.name
        and pairs.currency = result_memory.currency

),

weighed as (

    select
        *,
        round(greatest(0, pairs_n - 7) * least(1.0, (1 - memory) / nullif(1 + memory, 0)), 3) as effective_n
    from remembered

),

told as (

    select
        *,
        case when {{ is_enough('effective_n') }} then round(raw_correlation, 6) end as correlation
    from weighed

),

fisher as (

    select
        *,
        {{ fisher_z('correlation') }} as fisher_z,
        1.0 / sqrt(case when effective_n > 3 then effective_n - 3 end) as fisher_error
    from told

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, kpi, result, currency
            order by abs(fisher_z / fisher_error) desc nulls last, lag_days
        ) as strength
    from fisher

)

select
    platform,
    community,
    kpi,
    result,
    nullif(currency, '') as currency,
    lag_days,
    'association' as claim,
    correlation,
    round({{ fisher_r('fisher_z - ' ~ z() ~ ' * fisher_error') }}, 6) as correlation_low,
    round({{ fisher_r('fisher_z + ' ~ z() ~ ' * fisher_error') }}, 6) as correlation_high,
    effective_n,
    strength = 1 and correlation is not null as is_strongest_lag,
    coalesce(abs(fisher_z / fisher_error) >= {{ var('impact_min_z') }}, false) as is_beyond_chance,
    first_date,
    last_date,
    cast({{ dbt.datediff('first_date', 'last_date', 'day') }} + 1 as bigint) as days_n,
    pairs_n as days_complete_n,
    pairs_n = {{ dbt.datediff('first_date', 'last_date', 'day') }} + 1 as is_period_complete,
    {{ caveats({
        'incomplete': 'pairs_n < ' ~ dbt.datediff('first_date', 'last_date', 'day') ~ ' + 1',
        'no_variation': 'raw_correlation is null',
        'small_n': 'not ' ~ is_enough('effective_n'),
    }) }} as caveat
from ranked
