{# Building only what changed.

   A run is given the dates of creation whose raw rows changed. Facts dated by contribution_date delete exactly those
   dates and insert them again, so a date whose rows vanished vanishes too. Facts that look across dates (threads,
   contributors) do the same for the keys that had or have rows on those dates; the keys that had some are remembered
   before the deletion. The working file always starts as it was last published, so nothing is forgotten in between. #}

{% macro affected_list() -%}
    {%- set dates = var('affected_dates') or [] -%}
    {%- if dates -%}
        ({%- for day in dates -%}cast('{{ day }}' as date){{ ', ' if not loop.last }}{%- endfor -%})
    {%- else -%}
        (cast(null as date))
    {%- endif -%}
{%- endmacro %}

{# Whether this run builds only the affected dates of this model. #}
{% macro is_partial_build() -%}
    {{ return(var('affected_dates') is not none and is_incremental()) }}
{%- endmacro %}

{# Condition on rows. With a partition column, the files of partitions that cannot hold such rows stay closed. #}
{% macro is_affected(date_column, partition_column=none) -%}
    {%- if is_partial_build() -%}
        {{ date_column }} in {{ affected_list() }}
        {%- if partition_column %}
        and {{ is_partition_affected(partition_column) }}
        {%- endif -%}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# The same for a model that is made anew by each run, and holds what the run needs of raw. Where dates are given, every
   model that reads it builds these dates only. #}
{% macro is_in_this_build(date_column, partition_column) -%}
    {%- if var('affected_dates') is not none -%}
        {{ date_column }} in {{ affected_list() }} and {{ is_not_before_affected(partition_column) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Condition on raw partitions. No observation lies in a partition before its date of creation: gate 1 sees to that
   (rule created_inside_its_partition), and a text is judged in the partitions where it was observed. #}
{% macro is_partition_affected(partition_column) -%}
    {{- is_not_before_affected(partition_column) if is_partial_build() else 'true' -}}
{%- endmacro %}

{% macro is_not_before_affected(partition_column) -%}
    {%- if var('affected_dates') -%}
        {{ partition_column }} >= cast('{{ var('affected_dates') | min }}' as date)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Pre-hook of models dated by contribution_date. An incremental run without dates is a full one, and deletes all. #}
{% macro delete_affected_dates() -%}
    {{- delete_to_make_anew(is_affected('contribution_date')) -}}
{%- endmacro %}

{# Statement that deletes what a run inserts anew; of a table that is made whole there is nothing to delete. The condition may
   call the table `old`. #}
{% macro delete_to_make_anew(condition) -%}
    {%- if is_incremental() -%}
        {{- adapter.dispatch('delete_rows', 'community_pulse')(condition) -}}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{% macro default__delete_rows(condition) -%}
    delete from {{ this }} as old where {{ condition }}
{%- endmacro %}

{# Its files are written once: the materialization leaves such rows out of what it takes over (spark_engine.sql). #}
{% macro spark__delete_rows(condition) -%}
    {%- do model.setdefault('deletions', []).append(condition) -%}
    select 1
{%- endmacro %}

{# Pre-hook before that deletion: keep the keys that have rows on the affected dates now. #}
{% macro remember_affected_keys(name, keys) -%}
    {%- if is_partial_build() -%}
        {{ create_keys_table(this.schema ~ '.' ~ name) }} as
        select distinct {{ keys | join(', ') }} from {{ this }} where {{ is_affected('contribution_date') }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{% macro create_keys_table(name) -%}
    {{ return(adapter.dispatch('create_keys_table', 'community_pulse')(name)) }}
{%- endmacro %}

{% macro default__create_keys_table(name) -%}
    create or replace table {{ name }}
{%- endmacro %}

{# None is left from before: each build has a catalog of its own. #}
{% macro spark__create_keys_table(name) -%}
    create table {{ name }} {{ parquet() }}
{%- endmacro %}

{# Subquery of the keys that had or have rows on the affected dates. #}
{% macro affected_keys(remembered_in, name, keys) -%}
    select {{ keys | join(', ') }} from {{ remembered_in.schema }}.{{ name }}
    union
    select {{ keys | join(', ') }} from {{ remembered_in }} where contribution_date in {{ affected_list() }}
{%- endmacro %}

{# Post-hook of the model that needed the remembered keys. #}
{% macro forget_affected_keys(remembered_in, name) -%}
    drop table if exists {{ remembered_in.schema }}.{{ name }}
{%- endmacro %}

{# Pre-hook of models with one row per key. #}
{% macro delete_affected_keys(remembered_in, name, keys) -%}
    {%- set has_key -%}
        exists (
            select 1 from ({{ affected_keys(remembered_in, name, keys) }}) as affected
            where {% for key in keys %}old.{{ key }} = affected.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        )
    {%- endset -%}
    {{- delete_to_make_anew(has_key if is_partial_build() else 'true') -}}
{%- endmacro %}
