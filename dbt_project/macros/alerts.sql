{# What fct_alerts_daily tells, and the formulas that its two statistical rules share. #}

{# The rules, in the order in which a digest tells them. #}
{% macro alert_rules() -%}
    {{ return(['brand_mention', 'unanswered_question', 'need_spike', 'mood_turn']) }}
{%- endmacro %}

{# Days that are held against those before: the day itself, and the week that ends with it. #}
{% macro alert_spans() -%}
    {{ return([1, 7]) }}
{%- endmacro %}

{# Window of the days that are told, and of those that they are held against. #}
{% macro alert_window(days) -%}
    (partition by platform, community, series order by day_number range between {{ days - 1 }} preceding and current row)
{%- endmacro %}

{% macro alert_window_before(days) -%}
    (
        partition by platform, community, series order by day_number
        range between {{ days - 1 + var('alert_days_before') }} preceding and {{ days }} preceding
    )
{%- endmacro %}

{# How many times more the days before differ from their mean than voices drawn one by one would: Pearson's statistic by
   its degrees of freedom (McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 4.5.2), from the sums over
   days of amount^2 / voices, of amount and of voices; `variance` is that of one voice. NULL where nothing varies. #}
{% macro alert_dispersion(squares, amount, voices, variance, days_n) -%}
    (
        ({{ squares }} - cast({{ amount }} as double) * {{ amount }} / {{ voices }})
        / nullif({{ variance }} * ({{ days_n }} - 1), 0)
    )
{%- endmacro %}

{# How alike voices of one day are, over all series of a kind: the mean of what their days differ too much by their voices
   (the correlation within days of a beta-binomial; McCullagh and Nelder, 4.5.1). What bursts elsewhere may burst in a
   series that has been quiet so far. #}
{% macro alert_likeness(dispersion, voices_per_day, family) -%}
    greatest(0.0, coalesce(
        cast(sum(cast({{ dispersion }} - 1 as decimal(19, 9))) over (partition by {{ family | join(', ') }}) as double)
        / nullif(sum(
            case when {{ dispersion }} is not null then cast({{ voices_per_day }} - 1 as decimal(19, 9)) end
        ) over (partition by {{ family | join(', ') }}), 0),
        0.0
    ))
{%- endmacro %}
