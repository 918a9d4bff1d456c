{# How models are made on Spark. A build writes a folder of its own that nobody reads yet, and makes everything, so a
   table is written once and nothing is swapped or deleted (plugins/pulse/warehouse/engines/spark.py). #}

{% macro spark__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier() }}
        location {{ dbt.string_literal(env_var('PULSE_BUILD_URI') ~ '/' ~ relation.schema) }}
    {%- endcall -%}
{%- endmacro %}

{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('table')) }}
{% endmaterialization %}

{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('table')) }}
{% endmaterialization %}

{% materialization file, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('table')) }}
{% endmaterialization %}

{% materialization view, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('view')) }}
{% endmaterialization %}

{% macro write_on_spark(kind) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% call statement('main') %}
        create {{ kind }} {{ target }}{{ ' using parquet' if kind == 'table' }} as
        {{ held_to_contract(compiled_code) if config.get('contract').enforced else compiled_code }}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{# A model's rows with the columns that its contract names, in that order; a NULL where it allows none ends the build.
   Spark's tables keep no constraint, so each row is looked at while it is written. Places and bits are `int` in Spark
   where DuckDB has bigint, and are widened; any other type that the contract does not name ends the build too. #}
{% macro held_to_contract(sql) %}
    {%- set given = column_types(get_column_schema_from_query(sql, config.get('sql_header'))) -%}
    {%- set promised = {} -%}
    {%- set selected = [] -%}
    {%- for column in model.columns.values() -%}
        {%- set type = spark_type(column.data_type) -%}
        {%- set is_widened = given[column.name | lower] == 'int' and type == 'bigint' -%}
        {%- set value = 'cast(' ~ column.name ~ ' as bigint)' if is_widened else column.name -%}
        {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
            {%- set refusal = dbt.string_literal('NULL in ' ~ this ~ '.' ~ column.name) -%}
            {%- set value = 'coalesce(' ~ value ~ ', raise_error(' ~ refusal ~ '))' -%}
        {%- endif -%}
        {%- do promised.update({column.name | lower: 'int' if is_widened else type}) -%}
        {%- do selected.append(value ~ ' as ' ~ column.name) -%}
    {%- endfor -%}
    {% if promised != given %}
        {{ dbt.assert_columns_equivalent(sql) }}
    {% endif %}
    select
        {{ selected | join(',
        ') }}
    from (
        {{ sql }}
    ) as held
{% endmacro %}

{# Types of contracts are written as DuckDB names them; Spark calls some otherwise. #}
{% macro spark_type(name) -%}
    {%- set plain = name | lower | replace('(18, 4)', '(18,4)') -%}
    {{ return({'varchar': 'string', 'varchar[]': 'array<string>', 'timestamp with time zone': 'timestamp'}.get(plain, plain)) }}
{%- endmacro %}

{% macro spark__get_empty_schema_sql(columns) -%}
    select
    {% for column in columns.values() %}
        cast(null as {{ spark_type(column['data_type']) }}) as {{ column['name'] }}{{ ', ' if not loop.last }}
    {% endfor %}
    where false
{%- endmacro %}
