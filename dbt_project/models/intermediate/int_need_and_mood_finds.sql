{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates_and_later('contribution_date') }}",
) }}

{% set spans = alert_spans() -%}
{#- What a day is told of rests on the quiet days before it, and these on windows of days and on the day before each. -#}
{% set days_before = var('alert_quiet_days') + (spans | max) + var('alert_days_before') -%}
{% set series_key = ['platform', 'community', 'series'] -%}

with

days as (

    select
        *,
        {{ day_number('contribution_date') }} as day_number
    from {{ ref('int_voice_days') }}
    where {{ is_date_affected_or_later('contribution_date', days_before) }}

),

-- One series for each need and one for the mood: how much was said by how many voices.
series as (

    {%- for need in needs_voiced() %}
    select platform, community, contribution_date, day_number, '{{ need }}' as series, 'need_spike' as rule, voices_n,
        {{ need }}_n as amount, {{ need }}_n as told_n
    from days
    union all
    {%- endfor %}
    select platform, community, contribution_date, day_number, 'mood' as series, 'mood_turn' as rule, voices_n,
        net_n as amount, told_n
    from days

),

followed as (

    select
        *,
        {%- for column in ['amount', 'voices_n', 'day_number'] %}
        lag({{ column }}) over (partition by platform, community, series order by day_number) as {{ column }}_before
        {{- ',' if not loop.last }}
        {%- endfor %}
    from series

),

-- Exact parts, so that the order of rows cannot show in the last digit. The products are of a day and the day before it.
squared as (

    select
        *,
        cast(cast(amount * amount as double) / voices_n as decimal(19, 9)) as squares,
        {%- for name, product in {
            'amounts': 'amount * amount_before', 'crossed': '(amount * voices_n_before + amount_before * voices_n)',
            'sizes': 'voices_n * voices_n_before',
        }.items() %}
        cast(case
            when day_number = day_number_before + 1
                then cast({{ product }} as double) / sqrt(cast(voices_n * voices_n_before as double))
        end as decimal(19, 9)) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from followed

),

summed as (

    {%- for days in spans %}
    select
        *,
        {{ days }} as days_n,
        cast(sum(voices_n) over {{ alert_window(days) }} as double) as voices,
        cast(sum(amount) over {{ alert_window(days) }} as double) as amount_sum,
        cast(sum(told_n) over {{ alert_window(days) }} as double) as told
    from squared
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

windowed as (

    {%- for days in spans %}
    select
        platform,
        community,
        contribution_date,
        day_number,
        series,
        rule,
        days_n,
        voices,
        amount_sum as amount,
        told,
        count(*) over {{ alert_window_before(days) }} as days_before_n,
        cast(sum(voices_n) over {{ alert_window_before(days) }} as double) as voices_before,
        cast(sum(amount) over {{ alert_window_before(days) }} as double) as amount_before,
        cast(sum(told_n) over {{ alert_window_before(days) }} as double) as told_before,
        {%- for part in ['squares', 'amounts', 'crossed', 'sizes'] %}
        coalesce(cast(sum({{ part }}) over {{ alert_window_before(days) }} as double), 0.0) as {{ part }}_before,
        {%- endfor %}
        max(amount_sum) over {{ alert_window_before(days) }} as largest_before
    from summed
    where days_n = {{ days }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

-- A need is a share of voices, the mood a mean of 1, 0 and -1.
means as (

    select
        *,
        amount / voices as figure,
        amount_before / voices_before as figure_before,
        case
            when rule = 'need_spike' then amount_before / voices_before * (1 - amount_before / voices_before)
            else told_before / voices_before - power(amount_before / voices_before, 2) + 1 / voices_before
        end as variance
    from windowed
    where days_before_n >= {{ var('alert_min_days_before') }}
        and {{ is_date_affected_or_later('contribution_date', var('alert_quiet_days')) }}

),

{% set mean = '(amount_before / voices_before)' -%}
differing as (

    select
        *,
        voices_before / days_before_n as voices_per_day,
        {{ alert_dispersion('squares_before', 'amount_before', 'voices_before', 'variance', 'days_before_n') }}
            as own_dispersion,
        (amounts_before - {{ mean }} * crossed_before + {{ mean }} * {{ mean }} * sizes_before)
        / nullif(variance * (days_before_n - 1), 0) as neighbour_products
    from means

),

{% set family = 'partition by contribution_date, rule, days_n' -%}
liked as (

    select
        *,
        {{ alert_likeness('own_dispersion', 'voices_per_day', ['contribution_date', 'rule', 'days_n']) }} as likeness,
        {{ memory_of_days('neighbour_products', 'own_dispersion') }} as own_memory,
        {{ memory_of_days(
            'cast(sum(cast(neighbour_products as decimal(19, 9))) over (' ~ family ~ ') as double)',
            'cast(sum(cast(own_dispersion as decimal(19, 9))) over (' ~ family ~ ') as double)',
        ) }} as memory
    from differing

),

-- Days that go together with their neighbours' make the sum of a week less sure, as in macro dispersion.
spread as (

    select
        *,
        greatest(1.0, coalesce(own_dispersion, 1.0), 1 + likeness * (voices_per_day - 1))
            * case
                when days_n > 1 then (1 + greatest(own_memory, memory)) / (1 - greatest(own_memory, memory)) else 1
            end as dispersion
    from liked

),

-- Whether it is tested does not depend on what the days brought.
scored as (

    select
        *,
        case
            when rule = 'need_spike' and amount > 0
                then {{ binomial_z('amount', '(amount + amount_before)', '(voices / (voices + voices_before))') }}
                    / sqrt(dispersion)
            when rule = 'need_spike' then 0.0
            when voices >= {{ var('alert_min_mood_voices') }} and voices_before >= {{ var('turn_min_voices') }}
                then (figure - figure_before) / sqrt(dispersion * variance * (1 / voices + 1 / voices_before))
        end as t
    from spread

),

tested as (

    select
        *,
        case
            when t is null then null
            when rule = 'need_spike' then {{ upper_tail(normal_of_student('coalesce(t, 0.0)', '(days_before_n - 1)')) }}
            else 2 * {{ upper_tail(normal_of_student('abs(t)', '(days_before_n - 1)')) }}
        end as p_value
    from scored

),

judged as (

    {{ clear_rows('tested', ['contribution_date', 'rule'], ['platform', 'community', 'series', 'days_n'],
        chance_share=var('alert_chance_share')) }}

),

-- Clear, and large enough to be worth a message.
large as (

    select
        *,
        case when rule = 'need_spike' then series when figure > figure_before then 'up' else 'down' end as subject
    from judged
    where is_clear and case
        when rule = 'need_spike'
            then t > 0 and amount >= {{ var('alert_min_need_voices') }}
                and figure >= {{ var('alert_min_need_ratio') }} * figure_before
                and amount >= {{ var('alert_min_need_excess') }} * largest_before
        else abs(figure - figure_before) >= {{ var('turn_min_change') }}
    end

),

-- Of a day and the week that ends with it the clearer one tells.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_date, rule, subject order by p_value, days_n
        ) as place
    from large

),

-- What goes on is told when it begins. A look back, and never ahead: what a day is told of does not change by later days.
found as (

    select
        *,
        max(day_number) over (
            partition by platform, community, rule, subject order by day_number
            range between {{ var('alert_quiet_days') }} preceding and 1 preceding
        ) as found_before
    from ranked
    where place = 1

)

select
    platform,
    community,
    contribution_date,
    rule,
    subject,
    days_n,
    cast(voices as bigint) as voices_n,
    cast(amount as bigint) as amount_n,
    cast(voices_before as bigint) as voices_before_n,
    figure,
    figure_before,
    p_value
from found
where found_before is null and {{ is_date_affected_or_later('contribution_date') }}
