{# Codes of what stands against a row's figures, in alphabetical order, comma-separated; NULL when nothing does. #}
{% macro caveats(conditions) -%}
    {%- set codes = [] -%}
    {%- for code in conditions | sort -%}
        {%- do codes.append("case when " ~ conditions[code] ~ " then '," ~ code ~ "' else '' end") -%}
    {%- endfor -%}
    nullif(substring(concat({{ codes | join(', ') }}), 2), '')
{%- endmacro %}
