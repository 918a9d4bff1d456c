{# The few places where engines differ. DuckDB is the default; the Spark forms stand beside it. #}

{# UTC day of an aware time: engines would take the session's zone. #}
{% macro utc_date(time) -%}
    {{ return(adapter.dispatch('utc_date', 'community_pulse')(time)) }}
{%- endmacro %}

{% macro default__utc_date(time) -%}
    cast(timezone('UTC', {{ time }}) as date)
{%- endmacro %}

{% macro spark__utc_date(time) -%}
    cast(to_utc_timestamp({{ time }}, current_timezone()) as date)
{%- endmacro %}

{# Hours from one aware time to a later one, with fraction. #}
{% macro hours_between(earlier, later) -%}
    {{ return(adapter.dispatch('hours_between', 'community_pulse')(earlier, later)) }}
{%- endmacro %}

{% macro default__hours_between(earlier, later) -%}
    (epoch({{ later }}) - epoch({{ earlier }})) / 3600.0
{%- endmacro %}

{% macro spark__hours_between(earlier, later) -%}
    (unix_timestamp({{ later }}) - unix_timestamp({{ earlier }})) / 3600.0
{%- endmacro %}

{# The partition day in a file's path; a filter on it opens the files of those days only. NULL outside partitions. #}
{% macro partition_day(path) -%}
    {{ return(adapter.dispatch('partition_day', 'community_pulse')(path)) }}
{%- endmacro %}

{% macro default__partition_day(path) -%}
    try_cast(regexp_extract({{ path }}, '/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/[^/]*$', 1) as date)
{%- endmacro %}

{% macro spark__partition_day(path) -%}
    to_date(regexp_extract({{ path }}, '/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/[^/]*$', 1))
{%- endmacro %}

{# An empty list of texts. #}
{% macro no_texts() -%}
    {{ return(adapter.dispatch('no_texts', 'community_pulse')()) }}
{%- endmacro %}

{% macro default__no_texts() -%}
    cast([] as varchar[])
{%- endmacro %}

{% macro spark__no_texts() -%}
    cast(array() as array<string>)
{%- endmacro %}
