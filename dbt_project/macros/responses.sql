{# How long people wait for somebody else to answer, told once for posts and for openers of conversations in a chat. #}

{# CTEs from `waits`, which has the key, first_response_h (NULL: none while it was watched), watched_h, and wait_h, the first
   of both: `answers` has counts within an hour and a day, `quantiles` the waiting times. #}
{% macro response_figures(key) -%}
answers as (

    select
        {{ key | join(', ') }},
        count(*) as responses_n,
        count(case when watched_h >= 1 then 1 end) as response_rate_1h_n,
        count(case when watched_h >= 1 and first_response_h <= 1 then 1 end) as answered_1h,
        count(case when watched_h >= 24 then 1 end) as response_rate_24h_n,
        count(case when watched_h >= 24 and first_response_h <= 24 then 1 end) as answered_24h
    from waits
    group by {{ key | join(', ') }}

),

-- Kaplan-Meier: at each time at which somebody was answered, the share of those still waiting that was not.
times as (

    select
        {{ key | join(', ') }},
        wait_h,
        count(*) as posts,
        count(first_response_h) as answered
    from waits
    group by {{ key | join(', ') }}, wait_h

),

waiting as (

    select
        *,
        sum(posts) over (
            partition by {{ key | join(', ') }} order by wait_h desc rows between unbounded preceding and current row
        ) as at_risk
    from times

),

steps as (

    select
        {{ key | join(', ') }},
        wait_h,
        answered = at_risk as is_everybody_answered,
        sum(case when answered < at_risk then ln(1 - cast(answered as double) / at_risk) else 0 end) over (
            partition by {{ key | join(', ') }} order by wait_h rows between unbounded preceding and current row
        ) as log_survival,
        sum(case
            when answered < at_risk then answered / (cast(at_risk as double) * (at_risk - answered))
            else 0
        end) over (
            partition by {{ key | join(', ') }} order by wait_h rows between unbounded preceding and current row
        ) as variance_sum
    from waiting
    where answered > 0

),

curves as (

    select
        {{ key | join(', ') }},
        wait_h,
        case when is_everybody_answered then 0 else {{ survival('log_survival') }} end as survival,
        case
            when is_everybody_answered then 0 else {{ survival_low('log_survival', 'variance_sum') }}
        end as survival_low,
        -- Once nobody is left waiting, nothing tells how high the curve may lie.
        case
            when not is_everybody_answered then {{ survival_high('log_survival', 'variance_sum') }}
        end as survival_high
    from steps

),

-- A billionth of slack: the logarithms of exact halves add up to nearly one half.
quantiles as (

    select
        {{ key | join(', ') }},
        min(case when survival <= 0.5 + 1e-9 then wait_h end) as median_first_response_h,
        min(case when survival_low <= 0.5 + 1e-9 then wait_h end) as median_first_response_h_low,
        min(case when survival_high <= 0.5 + 1e-9 then wait_h end) as median_first_response_h_high,
        min(case when survival <= 0.1 + 1e-9 then wait_h end) as p90_first_response_h,
        min(case when survival_low <= 0.1 + 1e-9 then wait_h end) as p90_first_response_h_low,
        min(case when survival_high <= 0.1 + 1e-9 then wait_h end) as p90_first_response_h_high
    from curves
    group by {{ key | join(', ') }}

)
{%- endmacro %}

{# Their columns, for a select that joins `answers` and `quantiles`. #}
{% macro response_columns(prefix='') -%}
    cast(coalesce(answers.responses_n, 0) as bigint) as {{ prefix }}responses_n,
    {%- for column in ['median_first_response_h', 'p90_first_response_h'] %}
    {%- for bound in ['', '_low', '_high'] %}
    case
        when {{ is_enough('answers.responses_n') }} and quantiles.{{ column }} is not null
            then quantiles.{{ column ~ bound }}
    end as {{ prefix ~ column ~ bound }},
    {%- endfor %}
    {%- endfor %}
    {%- for age in ['1h', '24h'] %}
    {%- set k, n = 'answers.answered_' ~ age, 'answers.response_rate_' ~ age ~ '_n' %}
    cast(coalesce({{ n }}, 0) as bigint) as {{ prefix }}response_rate_{{ age }}_n,
    case when {{ is_enough(n) }} then {{ share(k, n) }} end as {{ prefix }}response_rate_{{ age }},
    case when {{ is_enough(n) }} then {{ wilson_low(k, n) }} end as {{ prefix }}response_rate_{{ age }}_low,
    case when {{ is_enough(n) }} then {{ wilson_high(k, n) }} end as {{ prefix }}response_rate_{{ age }}_high{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
