{# How models are made on Spark. A build writes a folder of its own that nobody reads yet: each table once, nothing is swapped
   or deleted (plugins/pulse/warehouse/engines/spark.py). A partial build has the tables of the last one at hand, and writes
   what it makes anew; of files in which nothing is to be deleted the new folder gets another name. #}

{% macro spark__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier() }}
        {{ location_of(relation.schema) }}
    {%- endcall -%}
{%- endmacro %}

{% macro location_of(place) -%}
    {%- set folder = env_var('PULSE_BUILD_FOLDER') ~ '/' ~ place -%}
    location '{{ folder | replace("'", "''") }}'
{%- endmacro %}

{# Folders may be called anything: their names are no patterns. #}
{% macro parquet() -%}
    using parquet options ('__globPaths__' 'false')
{%- endmacro %}

{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('table')) }}
{% endmaterialization %}

{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- if is_incremental() -%}
        {{ return(write_part_on_spark()) }}
    {%- elif var('affected_dates') is not none -%}
        {%- do exceptions.raise_compiler_error('the last build has no ' ~ this ~ ', of which some dates were to be made') -%}
    {%- endif -%}
    {{ return(write_on_spark('table', is_clustered=true)) }}
{% endmaterialization %}

{% materialization file, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('table')) }}
{% endmaterialization %}

{% materialization view, adapter='spark', supported_languages=['sql'] %}
    {{ return(write_on_spark('view')) }}
{% endmaterialization %}

{% macro write_on_spark(kind, is_clustered=false) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {%- set steps = [] -%}
    {%- set sql = with_steps_written(compiled_code, steps) if kind == 'table' else compiled_code -%}
    {% call statement('main') %}
        create {{ kind }} {{ target }}{{ ' ' ~ parquet() if kind == 'table' }} as
        {{ rows_of_model(sql, is_clustered) }}
    {% endcall %}
    {%- do drop_steps(steps) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{% macro rows_of_model(sql, is_clustered) %}
    {%- set rows = held_to_contract(sql) if config.get('contract').enforced else sql -%}
    {%- if is_clustered -%}
        {%- set rows = by_month(rows, get_column_schema_from_query(rows, config.get('sql_header')) | map(attribute='name') | list) -%}
    {%- endif -%}
    {{ return(rows) }}
{% endmacro %}

{# Rows so that a month lies in few files, and few files have rows that a partial build deletes. #}
{% macro by_month(rows, columns) -%}
    {%- set dated = ['contribution_date', 'month_start_date', 'period_start_date'] | select('in', columns) | first -%}
    {{ return('select * from (' ~ rows ~ ') as made distribute by trunc(' ~ dated ~ ", 'MM')" if dated else rows) }}
{%- endmacro %}

{# Makes some dates of a table anew. While dbt runs the table is a view of what the last build's files keep and of what was
   written; build_folders.complete makes the folder of it. Small files are always written anew, or there would be some more
   after each day. #}
{% macro write_part_on_spark() %}
    {%- set table = this.schema ~ '.' ~ this.identifier -%}
    {%- set last, touched, kept, written = table ~ '__last', table ~ '__touched', table ~ '__kept', table ~ '__written' -%}
    {%- set names = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
    {%- set columns = names | join(', ') -%}
    {{ run_hooks(pre_hooks) }}
    {%- set gone = 'coalesce((' ~ model.deletions | join(') or (') ~ '), false)' -%}
    {%- do run_query('alter table ' ~ table ~ ' rename to ' ~ last) -%}
    {%- set is_small = '_metadata.file_size < ' ~ env_var('PULSE_SMALL_FILE_BYTES') -%}
    {%- do write_beside(touched, 'select distinct _metadata.file_name as file_name from ' ~ last ~ ' as old where ' ~ gone ~ ' or ' ~ is_small) -%}
    {%- set files = run_query('select file_name from ' ~ touched).columns[0].values() | list -%}
    {%- set is_touched = "_metadata.file_name in ('" ~ files | join("', '") ~ "')" if files else 'false' -%}
    {%- do write_beside(kept, 'select ' ~ columns ~ ' from ' ~ last ~ ' as old where ' ~ is_touched ~ ' and not ' ~ gone) -%}
    {%- set before -%}
        select {{ columns }} from {{ last }} where not {{ is_touched }} union all select {{ columns }} from {{ kept }}
    {%- endset -%}
    {%- do run_query('create view ' ~ table ~ ' as ' ~ before) -%}
    {%- set steps = [] -%}
    {%- set rows = by_month(rows_of_model(with_steps_written(compiled_code, steps), false), names) -%}
    {% call statement('main') %}
        create table {{ written }} {{ parquet() }} {{ location_of(this.schema ~ '/' ~ this.identifier) }} as
        select {{ columns }} from ({{ rows }}) as made
    {% endcall %}
    {%- do drop_steps(steps) -%}
    {%- do run_query('create or replace view ' ~ table ~ ' as ' ~ before ~ ' union all select ' ~ columns ~ ' from ' ~ written) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmacro %}

{# Writes rows where build_folders.complete looks for them, for this model: `parts/<schema>.<table>/touched` or `/kept`. #}
{% macro write_beside(name, rows) %}
    {%- set place = 'parts/' ~ this.schema ~ '.' ~ this.identifier ~ '/' ~ name.split('__')[-1] -%}
    {%- do run_query('create table ' ~ name ~ ' ' ~ parquet() ~ ' ' ~ location_of(place) ~ ' as ' ~ rows) -%}
{% endmacro %}

{# A model's SQL in which no CTE of any work is worked out more than twice. Spark puts a copy of a CTE wherever it is named,
   and copies multiply: 243 lines of int_count_changes became 6,500, and 1,300 exchanges of data. So what would be there
   three times or more is written first, as a table beside the marts; their names are added to `steps`. Models are
   written as this expects (name, `as (` and `)` at the beginning of lines); whatever is not is left as it is. #}
{% macro with_steps_written(sql, steps) %}
    {%- set re = modules.re -%}
    {%- set whole = re.match('(?s)\\s*(?:--[^\n]*\n\\s*)*with\\s*\n(.*?\n\\))\\s*(?:--[^\n]*\n\\s*)*(select\\b.*)$', sql) -%}
    {%- if whole is none -%}
        {{ return(sql) }}
    {%- endif -%}
    {%- set ctes = [] -%}
    {%- for name, body in re.findall('(?sm)^([a-z_0-9]+) as \\(\n(.*?)^\\)', whole[1]) -%}
        {%- do ctes.append({'name': name, 'body': body, 'copies_n': 0}) -%}
    {%- endfor -%}
    {%- set readers = [{'body': whole[2], 'copies_n': 1}] -%}
    {%- for cte in ctes | reverse -%}
        {%- for reader in readers -%}
            {%- set named_n = re.findall('\\b(?:from|join)\\s+' ~ cte.name ~ '\\b', reader.body) | length -%}
            {%- do cte.update({'copies_n': cte.copies_n + named_n * reader.copies_n}) -%}
        {%- endfor -%}
        {%- set is_work = re.search('\\b(?:join|group by|over|union|distinct)\\b', cte.body) is not none -%}
        {%- set walk = re.match(recursion(), cte.body) -%}
        {%- do cte.update({'walk': walk, 'is_step': walk is none and cte.copies_n > 2 and is_work}) -%}
        {#- What is walked round by round is worked out in each round. -#}
        {%- do readers.append({'body': cte.body, 'copies_n': 3 if walk else 1 if cte.is_step else cte.copies_n}) -%}
    {%- endfor -%}
    {%- if not ctes | selectattr('is_step') | list and not ctes | selectattr('walk') | list -%}
        {{ return(sql) }}
    {%- endif -%}
    {%- do run_query('create schema if not exists steps ' ~ location_of('steps')) -%}
    {%- set earlier = [] -%}
    {%- for cte in ctes -%}
        {%- set body = cte.body -%}
        {%- set step = 'steps.' ~ model.name ~ '__' ~ cte.name -%}
        {%- if cte.walk -%}
            {%- set body = walked(cte.walk, step, earlier, steps) -%}
        {%- elif cte.is_step -%}
            {%- set before = 'with ' ~ earlier | join(',\n') ~ '\n' if earlier else '' -%}
            {%- do run_query('create table ' ~ step ~ ' ' ~ parquet() ~ ' as\n' ~ before ~ 'select * from (\n' ~ body ~ ') as step') -%}
            {%- do steps.append(step) -%}
            {%- set body = 'select * from ' ~ step ~ '\n' -%}
        {%- endif -%}
        {%- do earlier.append(cte.name ~ ' as (\n' ~ body ~ ')') -%}
    {%- endfor -%}
    {{ return('with ' ~ earlier | join(',\n') ~ '\n' ~ whole[2]) }}
{% endmacro %}

{# A CTE that is a recursion with a union of distinct rows, which Spark has not: its name, columns, first rows, what follows
   on those of the last round, and what is made of all. #}
{% macro recursion() -%}
    {{ return(
        '(?s)\\s*with recursive (\\w+) \\(([\\w, ]+)\\) as \\(\n(.*?)\n\\s*union\n(.*?)\n\\s*\\)\n\\s*(select\\b.*)$'
    ) }}
{%- endmacro %}

{# Writes such a CTE round by round, until one brings nothing new, and gives what stands in its place. #}
{% macro walked(walk, step, earlier, steps) %}
    {%- set name, columns = walk[1], walk[2] -%}
    {%- set same = [] -%}
    {%- for column in columns.split(', ') -%}
        {%- do same.append('made.' ~ column ~ ' <=> known.' ~ column) -%}
    {%- endfor -%}
    {%- set rounds = [] -%}
    {%- for round in range(10000) -%}
        {%- set before = earlier + ([name ~ ' as (select * from ' ~ rounds[-1] ~ ')'] if rounds else []) -%}
        {%- set table = step ~ '__' ~ round -%}
        {%- set rows -%}
            {{ 'with ' ~ before | join(',\n') if before }}
            select distinct made.* from (
            {{ walk[4] if rounds else walk[3] }}
            ) as made ({{ columns }})
            {%- if rounds %}
            left anti join ({{ all_of(rounds) }}) as known on {{ same | join(' and ') }}
            {%- endif %}
        {%- endset -%}
        {%- do run_query('create table ' ~ table ~ ' ' ~ parquet() ~ ' as\n' ~ rows) -%}
        {%- do steps.append(table) -%}
        {%- if not run_query('select 1 from ' ~ table ~ ' limit 1').rows | length -%}
            {{ return('with ' ~ name ~ ' (' ~ columns ~ ') as (' ~ all_of(rounds + [table]) ~ ')\n' ~ walk[5]) }}
        {%- endif -%}
        {%- do rounds.append(table) -%}
    {%- endfor -%}
    {%- do exceptions.raise_compiler_error(step ~ ' is not walked to its end in 10000 rounds') -%}
{% endmacro %}

{% macro all_of(tables) -%}
    select * from {{ tables | join(' union all select * from ') }}
{%- endmacro %}

{% macro drop_steps(steps) %}
    {%- for step in steps -%}
        {%- do run_query('drop table ' ~ step) -%}
    {%- endfor -%}
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
