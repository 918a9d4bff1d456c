{# Weeks and months. A week begins on Monday; a period looks no further than its last day, so it depends on nothing but
   the contributions written in it, and a partial build makes exactly the periods that hold an affected date. #}

{% macro period_start(period, date) -%}
    cast(date_trunc('{{ period }}', {{ date }}) as date)
{%- endmacro %}

{# Last day of a week or month that begins on the given date. #}
{% macro period_end(period, start_date) -%}
    cast({{ dbt.dateadd('day', -1, dbt.dateadd(period, 1, start_date)) }} as date)
{%- endmacro %}

{# First days of the periods that hold an affected date, as a list of dates. #}
{% macro affected_periods(period) -%}
    {%- set starts = [] -%}
    {%- for day in var('affected_dates') or [] -%}
        {%- set date = modules.datetime.date.fromisoformat(day) -%}
        {%- set start = date.replace(day=1) if period == 'month' else date - modules.datetime.timedelta(days=date.weekday()) -%}
        {%- do starts.append(start.isoformat()) -%}
    {%- endfor -%}
    {%- if starts -%}
        ({%- for start in starts | unique | sort -%}cast('{{ start }}' as date){{ ', ' if not loop.last }}{%- endfor -%})
    {%- else -%}
        (cast(null as date))
    {%- endif -%}
{%- endmacro %}

{# Condition on rows of a model that is dated by the first day of its period. #}
{% macro is_period_affected(period, start_column) -%}
    {%- if is_partial_build() -%}
        {{ start_column }} in {{ affected_periods(period) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Pre-hook of models with a first day of a period in their key. Several periods may share a model: the pairs say which
   rows are of which. #}
{% macro delete_affected_periods(period, start_column, of_rows='true') -%}
    {{- delete_to_make_anew(of_rows ~ ' and ' ~ is_period_affected(period, start_column)) -}}
{%- endmacro %}
