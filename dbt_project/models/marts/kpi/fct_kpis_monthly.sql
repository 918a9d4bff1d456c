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

listening as (

    select * from {{ ref('fct_listening_kpis_monthly') }}

),

business_results as (

    select
        *,
        {{ period_start('month', 'result_date') }} as month_start_date
    from {{ ref('fct_business_results_daily') }}

),

count_changes as (

    select * from {{ ref('int_count_changes') }}

),

month_inputs as (

    select * from {{ ref('int_month_inputs') }}

),

inputs as (

    select
        *,
        contributions_n + coalesce(sum(known_n) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and 1 preceding
        ), 0) as contributions_so_far_n,
        sum(removed_n + nameless_n) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and current row
        ) as gone_so_far_n,
        sum(nameless_n) over (
            partition by platform, community order by month_start_date rows between unbounded preceding and current row
        ) as nameless_so_far_n
    from month_inputs

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
            'messages': 'days_messages_complete_n',
            'both': 'case when days_posts_known_n > 0 and days_comments_known_n > 0 then days_complete_n else 0 end',
        }.get(of.kinds, 'days_complete_n') %}
        {#- Of a kind that a KPI is made of: not read at all, as no posts are of a chat. Of one that it is not made of, nothing. #}
        {%- set is_missing = {} %}
        {%- for name in counted_kinds().values() %}
        {%- set kinds = {'both': ['posts', 'comments'], 'any': counted_kinds().values() | list} %}
        {%- set kinds = kinds.get(of.kinds or 'any', [of.kinds]) %}
        {%- set told = "coalesce(caveat like '%" ~ name ~ "_not_read%', false)" %}
        {%- set is_none = 'days_known_n > 0 and days_' ~ name ~ '_known_n = 0' %}
        {%- do is_missing.update({name: 'false' if name not in kinds or of.is_seen_apart
            else told if not of.kinds else '(' ~ told ~ ' or ' ~ is_none ~ ')'}) %}
        {%- endfor %}
        {{ complete }} as days_complete_n,
        {{ caveats({
            'authors_not_observed': "coalesce(caveat like '%authors_not_observed%', false)"
                if of.rests_on in ('people', 'history') else 'false',
            'comments_not_read': is_missing.comments,
            'messages_not_read': is_missing.messages,
            'posts_not_read': is_missing.posts,
            'incomplete': complete ~ ' < days_n',
            'silent_everywhere': 'false' if of.is_seen_apart else 'days_silent_n > 0',
            'left_censored': (of.value ~ ' is null and contributors is not null and days_known_n > 0') if of.is_censored else 'false',
            'not_observable': (of.value ~ ' is null') if of.is_seen_apart
                else ('coalesce(' ~ of.n ~ ', 0) = 0 and ' ~ of.needs ~ ' > 0') if of.needs else 'false',
            'partly_observed': (of.n ~ ' > 0 and ' ~ of.n ~ ' < ' ~ of.needs) if of.needs else 'false',
            'small_n': (of.n ~ ' < ' ~ var('min_n')) if of.is_estimate else 'false',
        }) }} as caveat,
        {{ of.version }} as definition_version,
        {{ "'" ~ of.rests_on ~ "'" if of.rests_on else 'null' }} as rests_on,
        {{ 'history_days_n' if of.is_censored else 'cast(null as bigint)' }} as history_days_n
    from months
    {%- if of.only_where %}
    where {{ of.only_where }}
    {%- endif %}
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
        '{{ mood.rests_on }}' as rests_on,
        cast(null as bigint) as history_days_n
    from moods
    union all
    select
        platform,
        community,
        month_start_date,
        kpi,
        value,
        n,
        value_low,
        value_high,
        case kpi{% for of in kpis_of_listening() %} when '{{ of.kpi }}' then '{{ of.unit }}'{% endfor %} end as unit,
        days_n,
        days_complete_n,
        caveat,
        case kpi{% for of in kpis_of_listening() %} when '{{ of.kpi }}' then {{ of.version }}{% endfor %} end
            as definition_version,
        case kpi{% for of in kpis_of_listening() %} when '{{ of.kpi }}' then '{{ of.rests_on }}'{% endfor %} end as rests_on,
        cast(null as bigint) as history_days_n
    from listening
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
        null as rests_on,
        cast(null as bigint) as history_days_n
    from business_months
    where {{ result }}_n > 0
    {%- endfor %}

),

-- A count has its bounds from its own days. People are met more often in a longer month: what is told of each of them
-- is compared as of equally many days.
bounded as (

    select
        figures.platform,
        figures.community,
        figures.month_start_date,
        figures.kpi,
        figures.value,
        figures.n,
        {%- for bound in ['low', 'high'] %}
        coalesce(
            figures.value_{{ bound }},
            {{ (count_low if bound == 'low' else count_high)('figures.value', 'counts.dispersion', 'counts.quantile') }}
        ) as value_{{ bound }},
        {%- endfor %}
        figures.unit,
        figures.days_n,
        figures.days_complete_n,
        figures.caveat,
        figures.definition_version,
        figures.rests_on,
        figures.history_days_n,
        counts.figure is not null as is_counted_by_day,
        figures.kpi in (
            {%- for kpi in kpis_of_estimates() %}'{{ kpi }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) as is_estimate,
        figures.kpi not in (
            {%- for kpi in kpis_without_ratio() %}'{{ kpi }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) as is_ratio_scaled,
        figures.kpi in (
            {%- for kpi in kpis_seen_apart() %}'{{ kpi }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) as is_seen_apart,
        counts.change,
        counts.change_low,
        counts.change_high,
        counts.change_share,
        {%- for side in ['', '_before'] %}
        case figures.kpi
            when 'stickiness' then people.people_scale{{ side }}
            when 'engagement_per_contributor' then people.people_scale{{ side }} * people.days_scale{{ side }}
            else 1
        end as scale{{ side }}{{ ',' if not loop.last }}
        {%- endfor %}
    from figures
    left join count_changes as counts
        on figures.platform = counts.platform
        and figures.community = counts.community
        and figures.month_start_date = counts.month_start_date
        and figures.kpi = counts.figure
    left join count_changes as people
        on people.figure = 'contributors'
        and figures.platform = people.platform
        and figures.community = people.community
        and figures.month_start_date = people.month_start_date

),

compared as (

    select
        bounded.*,
        case when month_before.unit = bounded.unit then month_before.value end as value_month_before,
        case when month_before.unit = bounded.unit then month_before.value_low end as value_low_month_before,
        case when month_before.unit = bounded.unit then month_before.value_high end as value_high_month_before,
        month_before.days_complete_n = month_before.days_n and bounded.days_complete_n = bounded.days_n
            as are_both_complete,
        case when year_before.unit = bounded.unit then year_before.value end as value_year_before
    from bounded
    left join bounded as month_before
        on bounded.platform = month_before.platform
        and bounded.community = month_before.community
        and bounded.kpi = month_before.kpi
        and bounded.month_start_date = cast({{ dbt.dateadd('month', 1, 'month_before.month_start_date') }} as date)
    left join bounded as year_before
        on bounded.platform = year_before.platform
        and bounded.community = year_before.community
        and bounded.kpi = year_before.kpi
        and bounded.month_start_date = cast({{ dbt.dateadd('month', 12, 'year_before.month_start_date') }} as date)

),

{% set now = ['scale * value', 'scale * value_low', 'scale * value_high'] -%}
{% set before = ['scale_before * value_month_before', 'scale_before * value_low_month_before',
    'scale_before * value_high_month_before'] -%}
{% set both = '(' ~ now[0] ~ ')', '(' ~ now[1] ~ ')', '(' ~ now[2] ~ ')',
    '(' ~ before[0] ~ ')', '(' ~ before[1] ~ ')', '(' ~ before[2] ~ ')' -%}

-- Counts by their days; estimates from the errors of both; of all else only the difference is known, and only of whole
-- months.
changed as (

    select
        compared.*,
        case
            when value is null or value_month_before is null then null
            when is_counted_by_day then change
            when is_estimate then {{ both[0] }} - {{ both[3] }}
            when are_both_complete or is_seen_apart then value - value_month_before
        end as change_told,
        case
            when value is null or value_month_before is null then null
            when is_counted_by_day then change_low
            when is_estimate then {{ difference_low(*both) }}
        end as change_low_told,
        case
            when value is null or value_month_before is null then null
            when is_counted_by_day then change_high
            when is_estimate then {{ difference_high(*both) }}
        end as change_high_told,
        case when is_estimate then {{ both[3] }} else value_month_before end as base
    from compared

)

select
    changed.platform,
    changed.community,
    changed.month_start_date,
    changed.kpi,
    changed.value,
    changed.n,
    changed.value_low,
    changed.value_high,
    changed.unit,
    cast(changed.days_n as bigint) as days_n,
    cast(changed.days_complete_n as bigint) as days_complete_n,
    cast(changed.days_complete_n as double) / changed.days_n as completeness,
    changed.caveat,
    {%- for span in ['month', 'year'] %}
    changed.value_{{ span }}_before,
    changed.value - changed.value_{{ span }}_before as change_{{ span }}_before,
    case
        when changed.is_ratio_scaled and changed.value_{{ span }}_before > 0
            then (changed.value - changed.value_{{ span }}_before) / changed.value_{{ span }}_before
    end as change_{{ span }}_before_share,
    {%- endfor %}
    changed.change_told as change,
    changed.change_low_told as change_low,
    changed.change_high_told as change_high,
    {{ is_clear('changed.change_low_told', 'changed.change_high_told') }} as is_change_clear,
    case
        when not changed.is_ratio_scaled or changed.change_told is null then null
        when changed.is_counted_by_day then changed.change_share
        when changed.base > 0 then changed.change_told / changed.base
    end as change_share,
    changed.history_days_n,
    cast(changed.definition_version as bigint) as definition_version,
    case
        when changed.rests_on in ('texts', 'voices', 'voices_so_far') then '{{ var("sentiment_model_id") }}'
    end as sentiment_model_id,
    cast(case
        when changed.rests_on in ('history', 'voices_so_far') then coalesce(inputs.contributions_so_far_n, 0)
        when changed.rests_on is not null then coalesce(inputs.contributions_n, 0)
    end as bigint) as contributions_n,
    cast(case
        when changed.rests_on = 'people' then coalesce(inputs.nameless_n, 0)
        when changed.rests_on = 'history' then coalesce(inputs.nameless_so_far_n, 0)
        when changed.rests_on = 'texts' then coalesce(inputs.removed_n, 0)
        when changed.rests_on = 'voices' then coalesce(inputs.removed_n + inputs.nameless_n, 0)
        when changed.rests_on = 'voices_so_far' then coalesce(inputs.gone_so_far_n, 0)
    end as bigint) as erased_n,
    case when changed.rests_on is not null then inputs.last_observed_at end as last_observed_at
from changed
left join inputs
    on changed.platform = inputs.platform
    and changed.community = inputs.community
    and changed.month_start_date = inputs.month_start_date
