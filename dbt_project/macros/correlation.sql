{# Pearson's correlation of the rows of a group; NULL where one side does not vary, whatever an engine makes of that. What
   is left of a constant after a mean was taken from it is not zero to the last digit. #}
{% macro correlation(x, y) -%}
    case
        when count(*) > 1 and var_pop({{ x }}) > 1e-12 and var_pop({{ y }}) > 1e-12 then corr({{ x }}, {{ y }})
    end
{%- endmacro %}

{# Fisher's transformation, whose error depends on the number of cases alone; and back. Fisher, R. A. (1915), Biometrika 10,
   507-521. #}
{% macro fisher_z(r) -%}
    {#- greatest and least pass over NULL, so that it has to be kept -#}
    case
        when {{ r }} is not null
            then 0.5 * ln(
                (1 + least(0.999999, greatest(-0.999999, {{ r }})))
                / (1 - least(0.999999, greatest(-0.999999, {{ r }})))
            )
    end
{%- endmacro %}

{% macro fisher_r(z) -%}
    (exp(2 * ({{ z }})) - 1) / (exp(2 * ({{ z }})) + 1)
{%- endmacro %}

{# Slope of y over x by least squares, for the rows of a group; NULL where x does not vary. #}
{% macro slope(y, x) -%}
    covar_pop({{ y }}, {{ x }}) / nullif(var_pop({{ x }}), 0)
{%- endmacro %}

{# Days since a Monday long ago. #}
{% macro day_number(date) -%}
    {{ dbt.datediff("cast('1900-01-01' as date)", date, 'day') }}
{%- endmacro %}

{# 0 for Monday to 6 for Sunday. #}
{% macro weekday_number(date) -%}
    mod({{ day_number(date) }}, 7)
{%- endmacro %}
