{%- set results = kpis_of_business() | map(attribute='kpi') | list %}
{%- set mood = kpi_of_sentiment() %}
{%- set month_length = dbt.datediff('month_start_date', dbt.dateadd('month', 1, 'month_start_date'), 'day') %}

with

months as (

    select * from {{ ref('fct_community_monthly') }}

),

moods as (

    select * from {{ ref('fct_sentiment_monthly') }}

),

business_results as (

    select
        *,
        {{ period_start('month', 'result_date') }} as month_start_date
    from {{ ref('fct_business_results_daily') }}

),

inputs_of_communities as (

    select * from {{ ref('int_month_inputs') }}

),

inputs_of_all as (

    select platform, community, month_start_date, contributions_n, known_n, removed_n, nameless_n, last_observed_at
    from inputs_of_communities
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        sum(contributions_n) as contributions_n,
        sum(known_n) as known_n,
        sum(removed_n) as removed_n,
        sum(nameless_n) as nameless_n,
        max(last_observed_at) as last_observed_at
    from inputs_of_communities
    group by month_start_date

),

inputs as (

    select
        *,
        contributions_n + coalesce(sum(known_n) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and 1 preceding
        ), 0) as contributions_so_far_n,
        sum(nameless_n) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and current row
        ) as nameless_so_far_n
    from inputs_of_all

),

-- What was imported of a community, and of everything.
business_scopes as (

    select platform, community, month_start_date, result_date, currency, refunds_n, identical_lines_n,
        {{ results | join(', ') }}
    from business_results
    where community <> '*'
    union all
    select '*' as platform, '*' as community, month_start_date, result_date, currency, refunds_n, identical_lines_n,
        {{ results | join(', ') }}
    from business_results

),

business_months as (

    select
        platform,
        community,
        month_start_date,
        {%- for result in results %}
        cast(sum({{ result }}) as double) as {{ result }},
        count({{ result }}) as {{ result }}_n,
        count(distinct case when {{ result }} is not null then result_date end) as {{ result }}_days_n,
        sum(case when {{ result }} is not null then refunds_n end) as {{ result }}_refunds_n,
        sum(case when {{ result }} is not null then identical_lines_n end) as {{ result }}_identical_n,
        {%- endfor %}
        count(distinct case when revenue is not null then currency end) as currencies_n,
        min(case when revenue is not null then currency end) as currency
    from business_scopes
    group by platform, community, month_start_date

),

figures as (

    {%- for of in kpi_definitions() %}
    select
        platform,
        community,
        month_start_date,
        '{{ of.kpi }}' as kpi,
        cast({{ of.value }} as double) as value,
        cast({{ of.n }} as bigint) as n,
        {%- if of.is_estimate %}
        cast({{ of.value }}_low as double) as value_low,
        cast({{ of.value }}_high as double) as value_high,
        {%- else %}
        cast(null as double) as value_low,
        cast(null as double) as value_high,
        {%- endif %}
        '{{ of.unit }}' as unit,
        days_n,
        {%- set complete = {
            'posts': 'days_posts_complete_n',
            'comments': 'days_comments_complete_n',
            'both': 'case when days_posts_known_n > 0 and days_comments_known_n > 0 then days_complete_n else 0 end',
        }.get(of.kinds, 'days_complete_n') %}
        {%- set is_missing = {
            'comments': "coalesce(caveat like '%comments_not_read%', false)" if of.kinds != 'posts' else 'false',
            'posts': "coalesce(caveat like '%posts_not_read%', false)" if of.kinds != 'comments' else 'false',
        } %}
        {{ complete }} as days_complete_n,
        {{ caveats({
            'comments_not_read': 'false' if of.is_seen_apart else is_missing.comments,
            'posts_not_read': 'false' if of.is_seen_apart else is_missing.posts,
            'incomplete': complete ~ ' < days_n',
            'silent_everywhere': 'false' if of.is_seen_apart else 'days_silent_n > 0',
            'left_censored': (of.value ~ ' is null and days_known_n > 0') if of.is_censored else 'false',
            'not_observable': (of.value ~ ' is null') if of.is_seen_apart
                else ('coalesce(' ~ of.n ~ ', 0) = 0 and ' ~ of.needs ~ ' > 0') if of.needs else 'false',
            'partly_observed': (of.n ~ ' > 0 and ' ~ of.n ~ ' < ' ~ of.needs) if of.needs else 'false',
            'small_n': (of.n ~ ' < ' ~ var('min_n')) if of.is_estimate else 'false',
        }) }} as caveat,
        {{ of.version }} as definition_version,
        {{ "'" ~ of.rests_on ~ "'" if of.rests_on else 'null' }} as rests_on
    from months
    union all
    {%- endfor %}
    select
        platform,
        community,
        month_start_date,
        '{{ mood.kpi }}' as kpi,
        net_sentiment as value,
        scored_n as n,
        net_sentiment_low as value_low,
        net_sentiment_high as value_high,
        '{{ mood.unit }}' as unit,
        days_n,
        days_complete_n,
        caveat,
        {{ mood.version }} as definition_version,
        '{{ mood.rests_on }}' as rests_on
    from moods
    {%- for of in kpis_of_business() %}
    {%- set result = of.kpi %}
    union all
    select
        platform,
        community,
        month_start_date,
        '{{ result }}' as kpi,
        {% if result == 'revenue' -%}
        -- Sums of several currencies are no sum.
        case when currencies_n = 1 then revenue end as value,
        {%- else -%}
        {{ result }} as value,
        {%- endif %}
        {{ result }}_n as n,
        cast(null as double) as value_low,
        cast(null as double) as value_high,
        {% if result == 'revenue' -%}
        case when currencies_n = 1 then currency end as unit,
        {%- else -%}
        'count' as unit,
        {%- endif %}
        {{ month_length }} as days_n,
        {{ result }}_days_n as days_complete_n,
        {{ caveats({
            'identical_lines': result ~ '_identical_n > 0',
            'incomplete': result ~ '_days_n < ' ~ month_length,
            'refunds': result ~ '_refunds_n > 0' if result in ('revenue', 'sales') else 'false',
            'several_currencies': 'currencies_n > 1' if result == 'revenue' else 'false',
        }) }} as caveat,
        {{ of.version }} as definition_version,
        null as rests_on
    from business_months
    where {{ result }}_n > 0
    {%- endfor %}

),

compared as (

    select
        figures.*,
        case when month_before.unit = figures.unit then month_before.value end as value_month_before,
        case when year_before.unit = figures.unit then year_before.value end as value_year_before,
        figures.kpi not in (
            {%- for kpi in kpis_without_ratio() %}'{{ kpi }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) as is_ratio_scaled
    from figures
    left join figures as month_before
        on figures.platform = month_before.platform
        and figures.community = month_before.community
        and figures.kpi = month_before.kpi
        and figures.month_start_date = cast({{ dbt.dateadd('month', 1, 'month_before.month_start_date') }} as date)
    left join figures as year_before
        on figures.platform = year_before.platform
        and figures.community = year_before.community
        and figures.kpi = year_before.kpi
        and figures.month_start_date = cast({{ dbt.dateadd('month', 12, 'year_before.month_start_date') }} as date)

)

select
    compared.platform,
    compared.community,
    compared.month_start_date,
    compared.kpi,
    compared.value,
    compared.n,
    compared.value_low,
    compared.value_high,
    compared.unit,
    cast(compared.days_n as bigint) as days_n,
    cast(compared.days_complete_n as bigint) as days_complete_n,
    cast(compared.days_complete_n as double) / compared.days_n as completeness,
    compared.caveat,
    {%- for span in ['month', 'year'] %}
    compared.value_{{ span }}_before,
    compared.value - compared.value_{{ span }}_before as change_{{ span }}_before,
    case
        when compared.is_ratio_scaled and compared.value_{{ span }}_before > 0
            then (compared.value - compared.value_{{ span }}_before) / compared.value_{{ span }}_before
    end as change_{{ span }}_before_share,
    {%- endfor %}
    cast(compared.definition_version as bigint) as definition_version,
    case when compared.rests_on = 'texts' then '{{ var("sentiment_model_id") }}' end as sentiment_model_id,
    cast(case
        when compared.rests_on = 'history' then coalesce(inputs.contributions_so_far_n, 0)
        when compared.rests_on is not null then coalesce(inputs.contributions_n, 0)
    end as bigint) as contributions_n,
    cast(case
        when compared.rests_on = 'people' then coalesce(inputs.nameless_n, 0)
        when compared.rests_on = 'history' then coalesce(inputs.nameless_so_far_n, 0)
        when compared.rests_on = 'texts' then coalesce(inputs.removed_n, 0)
    end as bigint) as erased_n,
    case when compared.rests_on is not null then inputs.last_observed_at end as last_observed_at
from compared
left join inputs
    on compared.platform = inputs.platform
    and compared.community = inputs.community
    and compared.month_start_date = inputs.month_start_date
