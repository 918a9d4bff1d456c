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

{# Hours from one aware time to a later one, with fraction. Whole microseconds are counted, and divided once: equal waits
   must come out equal to the last digit, whenever they began, or a curve over waits has steps that nobody waited. #}
{% macro hours_between(earlier, later) -%}
    {{ return(adapter.dispatch('hours_between', 'community_pulse')(earlier, later)) }}
{%- endmacro %}

{% macro default__hours_between(earlier, later) -%}
    cast(epoch_us({{ later }}) - epoch_us({{ earlier }}) as double) / 3.6e9
{%- endmacro %}

{% macro spark__hours_between(earlier, later) -%}
    cast(unix_micros({{ later }}) - unix_micros({{ earlier }}) as double) / 3.6e9
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

{# A row for each item of a list, as a column of a select; a row without items gives none. #}
{% macro each_of(list) -%}
    {{ return(adapter.dispatch('each_of', 'community_pulse')(list)) }}
{%- endmacro %}

{% macro default__each_of(list) -%}
    unnest({{ list }})
{%- endmacro %}

{% macro spark__each_of(list) -%}
    explode({{ list }})
{%- endmacro %}

{# Sum of the values of a map; NULL for no map, so that "cannot be seen" stays that. #}
{% macro map_total(map) -%}
    {{ return(adapter.dispatch('map_total', 'community_pulse')(map)) }}
{%- endmacro %}

{% macro default__map_total(map) -%}
    case when {{ map }} is not null then coalesce(list_sum(map_values({{ map }})), 0) end
{%- endmacro %}

{% macro spark__map_total(map) -%}
    aggregate(map_values({{ map }}), cast(0 as bigint), (total, of_kind) -> total + of_kind)
{%- endmacro %}

{# The aware time at which a UTC day begins. #}
{% macro utc_day_start(date) -%}
    {{ return(adapter.dispatch('utc_day_start', 'community_pulse')(date)) }}
{%- endmacro %}

{% macro default__utc_day_start(date) -%}
    timezone('UTC', cast({{ date }} as timestamp))
{%- endmacro %}

{% macro spark__utc_day_start(date) -%}
    from_utc_timestamp(cast({{ date }} as timestamp), current_timezone())
{%- endmacro %}

{# Hour of the UTC day of an aware time, 0 to 23. #}
{% macro utc_hour(time) -%}
    {{ return(adapter.dispatch('utc_hour', 'community_pulse')(time)) }}
{%- endmacro %}

{% macro default__utc_hour(time) -%}
    cast(extract(hour from timezone('UTC', {{ time }})) as bigint)
{%- endmacro %}

{% macro spark__utc_hour(time) -%}
    cast(hour(to_utc_timestamp({{ time }}, current_timezone())) as bigint)
{%- endmacro %}

{# Day of the week of a date, 1 for Monday. #}
{% macro iso_weekday(date) -%}
    {{ return(adapter.dispatch('iso_weekday', 'community_pulse')(date)) }}
{%- endmacro %}

{% macro default__iso_weekday(date) -%}
    cast(isodow({{ date }}) as bigint)
{%- endmacro %}

{% macro spark__iso_weekday(date) -%}
    cast(weekday({{ date }}) + 1 as bigint)
{%- endmacro %}

{# A number with one bit set, from 0; and the bits of a number from one place on. #}
{% macro bit_at(place) -%}
    {{ return(adapter.dispatch('bit_at', 'community_pulse')(place)) }}
{%- endmacro %}

{% macro default__bit_at(place) -%}
    cast(1 as bigint) << ({{ place }})
{%- endmacro %}

{% macro spark__bit_at(place) -%}
    shiftleft(cast(1 as bigint), {{ place }})
{%- endmacro %}

{% macro bits_from(bits, place) -%}
    {{ return(adapter.dispatch('bits_from', 'community_pulse')(bits, place)) }}
{%- endmacro %}

{% macro default__bits_from(bits, place) -%}
    ({{ bits }} >> ({{ place }}))
{%- endmacro %}

{% macro spark__bits_from(bits, place) -%}
    shiftright({{ bits }}, {{ place }})
{%- endmacro %}

{# Whether a list holds an item; false for no list. #}
{% macro list_holds(list, item) -%}
    {{ return(adapter.dispatch('list_holds', 'community_pulse')(list, item)) }}
{%- endmacro %}

{% macro default__list_holds(list, item) -%}
    coalesce(list_contains({{ list }}, {{ item }}), false)
{%- endmacro %}

{% macro spark__list_holds(list, item) -%}
    coalesce(array_contains({{ list }}, {{ item }}), false)
{%- endmacro %}

{# Dates so many days, weeks or months later, and how many lie between two. dbt's own forms for Spark go by way of times in
   the session's zone, where some days have no midnight; everything here is a date. #}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {%- set date = 'cast(' ~ from_date_or_timestamp ~ ' as date)' -%}
    {%- if datepart in ['day', 'week'] -%}
        date_add({{ date }}, cast(({{ interval }}){{ ' * 7' if datepart == 'week' }} as int))
    {%- elif datepart == 'month' -%}
        add_months({{ date }}, cast({{ interval }} as int))
    {%- else -%}
        {%- do exceptions.raise_compiler_error('dateadd is for days, weeks and months of dates, and ' ~ datepart ~ ' is none') -%}
    {%- endif -%}
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- set first = 'cast(' ~ first_date ~ ' as date)' -%}
    {%- set second = 'cast(' ~ second_date ~ ' as date)' -%}
    {%- if datepart == 'day' -%}
        cast(date_diff({{ second }}, {{ first }}) as bigint)
    {%- elif datepart == 'month' -%}
        cast((year({{ second }}) - year({{ first }})) * 12 + month({{ second }}) - month({{ first }}) as bigint)
    {%- else -%}
        {%- do exceptions.raise_compiler_error('datediff is for days and months of dates, and ' ~ datepart ~ ' is none') -%}
    {%- endif -%}
{%- endmacro %}
