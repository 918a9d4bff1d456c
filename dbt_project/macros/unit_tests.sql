{# How unit tests are run: dbt's own macros in other words, which give the same SQL. dbt calls four macros for each column
   of each row, and makes a table to learn the types of columns: more than half of what all unit tests took. #}

{% materialization unit, adapter='duckdb' %}
    {% do compare_with_expected(sql) %}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{# dbt puts the rows of a test in as CTEs before the model's own: all but the first stand in the middle of a line, the first
   of the model's too, and the first has a space before it. #}
{% materialization unit, adapter='spark' %}
    {%- set steps = [] -%}
    {%- set of_lines = modules.re.sub('(with\\s+(?=__dbt__cte__)|[)], +)([a-z0-9_]+ as [(]\n)', '\\1\n\\2', sql) -%}
    {% do compare_with_expected(with_steps_written(of_lines, steps)) %}
    {%- do drop_steps(steps) -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{% macro compare_with_expected(sql) %}
    {%- set types = column_types(adapter.get_column_schema_from_query(sql ~ '\n')) -%}
    {%- set rows = config.get('expected_rows') -%}
    {%- set quoted = {} -%}
    {%- for name in types -%}
        {%- do quoted.update({name: adapter.quote(name)}) -%}
    {%- endfor -%}
    {%- set names = [] -%}
    {%- for name in (rows[0] if rows else types) -%}
        {%- do names.append(quoted[name | lower]) -%}
    {%- endfor -%}
    {%- set expected = config.get('expected_sql') or get_expected_sql(rows, types, quoted) -%}
    {% call statement('main', fetch_result=True) %}
        {{ get_unit_test_sql(as_compared(sql, types), as_compared(expected, types, rows), names) }}
    {% endcall %}
{% endmacro %}

{# What is compared of rows. Expected are the digits that DuckDB gives; of a sum, a root or an exponential, Spark may give
   another last one, so there doubles are compared to twelve places. #}
{% macro as_compared(sql, types, rows=none) -%}
    {{ return(adapter.dispatch('as_compared', 'community_pulse')(sql, types, rows)) }}
{%- endmacro %}

{% macro default__as_compared(sql, types, rows) -%}
    {{ return(sql) }}
{%- endmacro %}

{% macro spark__as_compared(sql, types, rows) -%}
    {%- set cells = [] -%}
    {%- for name, type in types.items() if not rows or name in (rows[0] | map('lower')) -%}
        {%- set quoted = adapter.quote(name) -%}
        {%- do cells.append('round(' ~ quoted ~ ', 12) + 0e0 as ' ~ quoted if type == 'double' else quoted) -%}
    {%- endfor -%}
    {{ return('select ' ~ cells | join(', ') ~ ' from (\n' ~ sql ~ '\n) as compared') }}
{%- endmacro %}

{# Rows that stand for a relation: all of its columns in their order, NULL where no row names them. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {%- set types = column_name_to_data_types or column_types(adapter.get_column_schema_from_query('select * from ' ~ this)) -%}
    {%- set cells = [] -%}
    {%- set named = {} -%}
    {%- for row in rows -%}
        {%- set of_row = format_row(row, types) -%}
        {%- do named.update(of_row) -%}
        {%- do cells.append(of_row) -%}
    {%- endfor -%}
    select
    {%- for name, type in types.items() %}
        {% if name in named %}{{ adapter.quote(name) }}{% else %}cast(null as {{ type }}) as {{ adapter.quote(name) }}{% endif %}
        {{- ',' if not loop.last }}
    {%- endfor %}
    {%- if named %}
    from (
        values
        {%- for of_row in cells %}
        ({% for name in named %}{{ of_row[name] or 'null' }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as given ({% for name in named %}{{ adapter.quote(name) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- elif rows %}
    from range({{ rows | length }})
    {%- else %}
    limit 0
    {%- endif %}
{% endmacro %}

{# The cells of a row by name, each with the type of its column. #}
{% macro format_row(row, column_name_to_data_types) %}
    {%- set cells = {} -%}
    {%- for name, value in row.items() -%}
        {%- set type = column_name_to_data_types[name | lower] -%}
        {%- if type is not defined -%}
            {% do exceptions.raise_compiler_error(
                'Invalid column name ' ~ name ~ ' in a fixture of ' ~ model.name
                ~ ', which has the columns ' ~ column_name_to_data_types.keys() | list
            ) %}
        {%- endif -%}
        {%- if value is string -%}
            {%- set cell = text_of(value, type) -%}
        {%- elif value is sequence -%}
            {%- set cell = list_of(value) -%}
        {%- else -%}
            {%- set cell = 'null' if value is none else value -%}
        {%- endif -%}
        {%- do cells.update({name | lower: 'cast(' ~ cell ~ ' as ' ~ type ~ ')'}) -%}
    {%- endfor -%}
    {{ return(cells) }}
{% endmacro %}

{# A list of texts that a fixture names. #}
{% macro list_of(texts) -%}
    {{ return(adapter.dispatch('list_of', 'community_pulse')(texts)) }}
{%- endmacro %}

{% macro default__list_of(texts) -%}
    {{ return(texts) }}
{%- endmacro %}

{% macro spark__list_of(texts) -%}
    {{ return("array('" ~ texts | join("', '") ~ "')" if texts else 'array()') }}
{%- endmacro %}

{# A text that a fixture names, to be cast to a type; lists of numbers and maps are written as DuckDB shows them: [7, 8],
   {like=2, wow=1}. #}
{% macro text_of(text, type) -%}
    {{ return(adapter.dispatch('text_of', 'community_pulse')(text, type)) }}
{%- endmacro %}

{% macro default__text_of(text, type) -%}
    {{ return("'" ~ text | replace("'", "''") ~ "'") }}
{%- endmacro %}

{% macro spark__text_of(text, type) -%}
    {%- if type.startswith('array') -%}
        {{ return("from_json('" ~ text ~ "', '" ~ type ~ "')") }}
    {%- elif not type.startswith('map') -%}
        {{ return(default__text_of(text | replace('\\', '\\\\'), type)) }}
    {%- elif text == '{}' -%}
        {{ return('map()') }}
    {%- else -%}
        {{ return("str_to_map('" ~ text[1:-1] ~ "', ', ', '=')") }}
    {%- endif -%}
{%- endmacro %}
