{# How models are made. dbt's own materializations serve readers who look on and engines of every kind: they make each
   table and view under another name, rename and drop to swap, and ask for grants, indexes and foreign keys, of which
   there are none. Nobody reads the file that is built, and a build that fails is undone whole. #}

{% materialization table, adapter='duckdb', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {% do make_between_hooks(existing, create_table_as(False, target, compiled_code)) %}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='view') -%}
    {% do make_between_hooks(existing, create_view_as(target, compiled_code)) %}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Append is the only strategy here: a pre-hook deletes what is inserted anew. A run with other columns than the table has
   fails, since only a full build changes columns. #}
{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {% if existing is none or existing.is_view or should_full_refresh() %}
        {% do make_between_hooks(existing, create_table_as(False, target, compiled_code)) %}
    {% else %}
        {%- set had = column_types(adapter.get_column_schema_from_query('from ' ~ target)) -%}
        {%- set given = column_types(adapter.get_column_schema_from_query(compiled_code ~ '\n')) -%}
        {% if had != given %}
            {% do exceptions.raise_compiler_error(
                'The columns of ' ~ target ~ ' are ' ~ had ~ ', and the model has ' ~ given ~ '. Next: a full build'
            ) %}
        {% endif %}
        {% do make_between_hooks(none, 'insert into ' ~ target ~ ' by name (' ~ compiled_code ~ '\n)') %}
    {% endif %}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Rows that several models read and no reader gets: a Parquet file beside the database, and a view over it. Each run
   writes it anew, so it is compressed lightly: with zstd the writing takes twice the CPU for half the room. #}
{% materialization file, adapter='duckdb', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set file = target.path ~ '.' ~ this.identifier ~ '.parquet' -%}
    {% call statement('rows') %}
        copy ({{ compiled_code }}) to {{ dbt.string_literal(dbt.escape_single_quotes(file)) }}
        (format parquet, compression snappy)
    {% endcall %}
    {%- set pattern = file | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') -%}
    {% do make_between_hooks(existing, create_view_as(
        view,
        'select * from read_parquet(' ~ dbt.string_literal(dbt.escape_single_quotes(pattern))
            ~ ', hive_partitioning = false)'
    )) %}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}

{% macro make_between_hooks(outdated, sql) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if outdated is not none %}
        {% do adapter.drop_relation(outdated) %}
    {% endif %}
    {% call statement('main') %}
        {{ sql }}
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
{% endmacro %}

{# DuckDB's types of columns by name. #}
{% macro column_types(columns) %}
    {{ return(dict(zip(columns | map(attribute='name') | map('lower'), columns | map(attribute='dtype')))) }}
{% endmacro %}

{# The check of a contract. dbt asks the database for the types that the yml names and compares column by column, an
   eighth of a build; where both say the same in the same words there is nothing to ask. Else dbt decides. #}
{% macro assert_columns_equivalent(sql) %}
    {%- set columns = model['columns'].values() -%}
    {%- set promised = dict(zip(
        columns | map(attribute='name') | map('lower'), columns | map(attribute='data_type') | map('upper')
    )) -%}
    {% if promised != column_types(get_column_schema_from_query(sql, config.get('sql_header'))) %}
        {{ dbt.assert_columns_equivalent(sql) }}
    {% endif %}
{% endmacro %}
