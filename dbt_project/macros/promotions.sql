{# What the marts of promotions share. #}

{# Whether one of these rules fired, by the column that names those that did. #}
{% macro fired(rules) -%}
    (
        {%- for rule in rules %}
        ' ' || rules || ' ' like '% {{ rule | replace('_', '!_') }} %' escape '!'{{ ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# Sums of sentiment scores, which have four decimals, in whole ten-thousandths: exact in any order of rows. #}
{% macro score_units(score) -%}
    cast(round({{ score }} * 10000) as bigint)
{%- endmacro %}

{# A mean of scores and its bounds, from their sums in ten-thousandths; NULL where there are too few. #}
{% macro mean_score(total, n) -%}
    case when {{ is_enough(n) }} then cast({{ total }} as double) / nullif({{ n }}, 0) / 10000 end
{%- endmacro %}

{% macro mean_score_low(total, squares, n) -%}
    case
        when {{ is_enough(n) }}
            then greatest(-1.0, {{ mean_low('cast(' ~ total ~ ' as double) / ' ~ n ~ ' / 10000',
                '(' ~ sd_of_sums(total, squares, n) ~ ' / 10000)', n) }})
    end
{%- endmacro %}

{% macro mean_score_high(total, squares, n) -%}
    case
        when {{ is_enough(n) }}
            then least(1.0, {{ mean_high('cast(' ~ total ~ ' as double) / ' ~ n ~ ' / 10000',
                '(' ~ sd_of_sums(total, squares, n) ~ ' / 10000)', n) }})
    end
{%- endmacro %}
