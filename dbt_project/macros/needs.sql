{# The kinds of need that a text may hold, in the order of plugins/pulse/texts/scorer.py. #}
{% macro need_kinds() -%}
    {{ return([
        'wish', 'advice', 'complaint', 'recommendation_request', 'support_request', 'question', 'experience',
        'promotion',
    ]) }}
{%- endmacro %}

{# The columns that tell of them. #}
{% macro need_columns() -%}
    {%- set columns = [] -%}
    {%- for kind in need_kinds() -%}
        {%- do columns.extend(['is_' ~ kind, 'p_' ~ kind]) -%}
    {%- endfor -%}
    {{ return(columns + ['rules']) }}
{%- endmacro %}

{# Those that say yes or no. #}
{% macro need_flags() -%}
    {%- set columns = [] -%}
    {%- for kind in need_kinds() -%}
        {%- do columns.append('is_' ~ kind) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
